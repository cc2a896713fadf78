"""Files from the internet: only from public addresses, bounded, resumable, checked."""

from mobigo.downloads.addresses import check_url
from mobigo.downloads.connect import Patience
from mobigo.downloads.transfer import Progress, fetch, fetch_newer

__all__ = ["Patience", "Progress", "check_url", "fetch", "fetch_newer"]
