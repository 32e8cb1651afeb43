import pytest

pytest.register_assert_rewrite(
    "tests.channels.contract"
)  # whoever writes a channel is told what was there, and what should be
