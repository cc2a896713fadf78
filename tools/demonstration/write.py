"""Write the demonstration's files."""

from pathlib import Path

from tools.demonstration.feed import write_feed
from tools.demonstration.streets import draw, write_osm


def write_files(root: Path) -> list[Path]:
    """Write feed and map below `root`; return the files written. Files that are no longer made are removed."""
    drawn = draw()
    texts = {f"gtfs/demonstration/{name}": text for name, text in write_feed(drawn).items()}
    texts["osm/demonstration.osm"] = write_osm(drawn)
    for old in (root / "gtfs/demonstration").glob("*"):
        if f"gtfs/demonstration/{old.name}" not in texts:
            old.unlink()
    for name, text in texts.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return [root / name for name in texts]
