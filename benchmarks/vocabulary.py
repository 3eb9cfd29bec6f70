"""Sentences, titles and captions in English and Chinese, put together from words of our own.

Everything is drawn through `Draw`, whose numbers come from `random.Random.random` alone: it is the
one method of which Python promises the same sequence in every version.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")

THINGS = """harbour orchard lantern ferry archive bridge kiln ledger meadow quarry tide workshop
 compass granary signal terrace almanac mill canal library rooftop market weather railway chimney
 notebook garden ferryman potter baker surveyor clockmaker printer gardener weaver lighthouse
 aqueduct valley island winter survey council festival timetable barometer""".split()
QUALITIES = """quiet narrow early patient copper distant borrowed crooked northern careful late
 painted hollow unhurried bright weathered second ordinary forgotten steady salted folded""".split()
ACTS = """measured repaired described counted carried opened questioned remembered rebuilt watched
 drew crossed published traded lost found mended postponed compared praised""".split()
PLACES = (
    "behind the station", "near the old wall", "before the first snow", "at the third lock",
    "after noon", "under the arcade", "along the estuary", "in the upper town",
    "between two floods", "on market day", "beyond the reservoir", "by the east gate",
)  # fmt: skip

NAMES_ZH = """港口 果园 灯笼 渡船 档案 石桥 窑厂 账本 草地 潮水 作坊 罗盘 粮仓 信号 梯田
 历书 磨坊 运河 图书馆 屋顶 集市 天气 铁路 烟囱 笔记 花园 船夫 陶匠 面包师 测量员
 钟表匠 印刷工 灯塔 水渠 山谷 岛屿 冬天 调查 议会 节日 时刻表 气压计""".split()
QUALITIES_ZH = """安静的 狭窄的 清早的 耐心的 铜色的 遥远的 借来的 弯曲的 北方的 仔细的
 迟到的 彩绘的 空心的 从容的 明亮的 风化的 普通的 被遗忘的 稳定的 折叠的""".split()
ACTS_ZH = """丈量了 修好了 描述了 数过了 运来了 打开了 追问了 记住了 重建了 守望着 画下了
 穿过了 出版了 交换了 丢失了 找到了 缝补了 推迟了 比较了 称赞了""".split()
PLACES_ZH = """车站后面 老城墙边 第一场雪之前 第三道船闸旁 午后 骑楼下 河口沿岸 上城区
 两次洪水之间 赶集那天 水库那头 东门附近""".split()


class Draw:
    """Numbers and choices that are the same on every run."""

    def __init__(self, seed: str) -> None:
        """Begin the sequence that belongs to `seed`."""
        self._random = Random(seed).random

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return int(self._random() * limit)

    def one(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.below(len(items))]


def title(draw: Draw) -> str:
    """A title; three in five are Chinese."""
    if draw.below(5) < 2:
        return f"The {draw.one(QUALITIES)} {draw.one(THINGS)} and the {draw.one(THINGS)}"
    first, second, third = draw.one(NAMES_ZH), draw.one(NAMES_ZH), draw.one(NAMES_ZH)
    return f"{draw.one(QUALITIES_ZH)}{first}：{second}与{third}"


def sentence(draw: Draw) -> str:
    """An English sentence."""
    said = (
        f"the {draw.one(QUALITIES)} {draw.one(THINGS)} {draw.one(ACTS)} "
        f"the {draw.one(THINGS)} {draw.one(PLACES)}"
    )
    if draw.below(2):
        said += f", and a {draw.one(THINGS)} {draw.one(ACTS)} every {draw.one(THINGS)}"
    return f"{said[0].upper()}{said[1:]}."


def sentence_zh(draw: Draw) -> str:
    """A Chinese sentence."""
    said = (
        f"{draw.one(PLACES_ZH)}，{draw.one(QUALITIES_ZH)}{draw.one(NAMES_ZH)}"
        f"{draw.one(ACTS_ZH)}{draw.one(QUALITIES_ZH)}{draw.one(NAMES_ZH)}"
    )
    if draw.below(2):
        said += f"，{draw.one(NAMES_ZH)}也{draw.one(ACTS_ZH)}{draw.one(NAMES_ZH)}"
    return f"{said}。"


def sources(count: int) -> list[str]:
    """Names of `count` folders, every other one Chinese."""
    turns = (THINGS, NAMES_ZH)
    return [f"{turns[n % 2][n // 2 % len(turns[n % 2])]}-{n + 1:02}" for n in range(count)]
