"""Global-search detectors; importing the package registers them."""

from dmtrack.models.global_search import dmtrack_gs as dmtrack_gs
from dmtrack.models.global_search import tiny as tiny
