"""The provinces of China by their official names (GB/T 2260), and how people write them."""

_NAMES = (
    "北京市 天津市 河北省 山西省 内蒙古自治区 辽宁省 吉林省 黑龙江省 上海市 江苏省 浙江省 安徽省 福建省 江西省 山东省 河南省 "
    "湖北省 湖南省 广东省 广西壮族自治区 海南省 重庆市 四川省 贵州省 云南省 西藏自治区 陕西省 甘肃省 青海省 宁夏回族自治区 "
    "新疆维吾尔自治区 台湾省 香港特别行政区 澳门特别行政区"
)
PROVINCES = tuple(_NAMES.split())
_ENDINGS = ("特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "省", "市")


def _short(name: str) -> str:
    return next(name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending))


_BY_SPELLING = {_short(name): name for name in PROVINCES} | {name: name for name in PROVINCES}
_LONGEST_FIRST = sorted(_BY_SPELLING, key=len, reverse=True)


def province(text: str) -> str | None:
    """The official name: 广东 → 广东省."""
    return _BY_SPELLING.get(text)


def split(text: str) -> tuple[str, str] | None:
    """Province and city of one text: 广东省深圳市, 广东-深圳, 北京市朝阳区. None when it does not begin with a province."""
    for spelling in _LONGEST_FIRST:
        if text.startswith(spelling):
            rest = text[len(spelling) :].lstrip(" -/·,，")
            whole = spelling in PROVINCES or not rest.startswith(("市", "州", "县"))  # 吉林市 is a city of 吉林省
            return (_BY_SPELLING[spelling], rest) if rest and whole else None
    return None
