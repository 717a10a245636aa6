"""The table of a network's layers, shapes and parameters."""

from typing import Any

from lightning.pytorch.callbacks import ModelSummary


class NetworkSummary(ModelSummary):
    """Lightning's summary without the rows of the metrics, which have no parameters."""

    @staticmethod
    def summarize(
        summary_data: list[tuple[str, list[str]]],
        *totals: Any,  # noqa: ANN401  # Lightning's signature
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Logs the table; see Lightning's ModelSummary for the arguments."""
        columns = dict(summary_data)
        kept = [index for index, name in enumerate(columns["Name"]) if "_metrics" not in name]
        # The first column numbers the rows, and has no title.
        rows = [
            (title, [column[i] for i in kept]) for title, column in columns.items() if title.strip()
        ]
        ModelSummary.summarize(rows, *totals, **options)
