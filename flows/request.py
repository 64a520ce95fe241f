"""What a person asks of `lacuna restore` and `lacuna plan`: the same, so that one says what the other would do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.settings import Settings

if TYPE_CHECKING:
    from tasks.run.prepare import Prepared
    from tasks.store.objects import Store


@dataclass(frozen=True)
class Request:
    """The command's arguments, its settings composed. `limit`: most items now; `retry`: failures to try again."""

    images: str
    masks: str | None
    out: str
    recipe: str = "balanced"
    settings: Settings = field(default_factory=Settings)
    limit: int | None = None
    retry: tuple[str, ...] = ()

    def prepare(self, store: Store, restorers: int) -> Prepared:
        """What there is to do for so many restorers, compared with the sink; see `tasks.run.prepare.prepare`."""
        from tasks.run.prepare import prepare  # a second of imports, which a command spends while its server starts

        return prepare(
            self.images,
            self.masks,
            store,
            source=self.settings.source,
            items=self.settings.of_items(),
            runtime=self.settings.runtime,
            on_change=self.settings.output.on_change,
            retry=self.retry,
            limit=self.limit,
            restorers=restorers,
        )
