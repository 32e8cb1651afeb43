"""Provinces: by any usual name, and parted from a city only where the text begins with one."""

import pytest

from app.kernel.regions import PROVINCES, province, split


def test_there_are_thirty_four_provinces_each_known_by_its_whole_and_its_short_name() -> None:
    assert len(set(PROVINCES)) == 34
    for name in PROVINCES:
        assert province(name) == name
    for short in ["北京", "内蒙古", "黑龙江", "广西", "西藏", "宁夏", "新疆", "香港", "澳门", "台湾"]:
        found = province(short)
        assert found is not None and found.startswith(short)
    assert province("广东 ") is None and province("") is None and province("广东省深圳市") is None


SPLITS = {
    "广东省深圳市": ("广东省", "深圳市"),
    "广东深圳": ("广东省", "深圳"),
    "广东-深圳": ("广东省", "深圳"),
    "广东省 / 深圳市": ("广东省", "深圳市"),
    "北京市朝阳区": ("北京市", "朝阳区"),
    "内蒙古自治区呼和浩特市": ("内蒙古自治区", "呼和浩特市"),
    "新疆乌鲁木齐": ("新疆维吾尔自治区", "乌鲁木齐"),
    "吉林省吉林市": ("吉林省", "吉林市"),
    "黑龙江哈尔滨": ("黑龙江省", "哈尔滨"),
}


@pytest.mark.parametrize(("text", "parts"), SPLITS.items())
def test_province_and_city_in_one_text_are_parted(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    "text", ["", "深圳市", "广东省", "广东", "广东 ", "吉林市", "海南州", "东广深圳", "省广东深圳"]
)
def test_what_does_not_begin_with_a_province_or_holds_nothing_more_is_not_parted(text: str) -> None:
    assert split(text) is None
