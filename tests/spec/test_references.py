"""The reference pages say what the schemas say by now."""

from __future__ import annotations

import pytest

from support.references import DOCS, REFERENCES, Reference, page
from zbatch.spec.schema import load_schema


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda one: one.kind)
def test_a_reference_is_made_from_its_schema(reference: Reference) -> None:
    """The page is made anew after each change of the schema: `python -m support.references`."""
    assert (DOCS / reference.file).read_text("utf-8") == page(reference)


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda one: one.kind)
def test_a_reference_leaves_out_no_key(reference: Reference) -> None:
    """Each key of the outermost map has a section of its own."""
    text = page(reference)
    for key in load_schema(reference.kind)["properties"]:
        assert f"\n## `{key}`\n" in text
