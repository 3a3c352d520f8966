"""DMTrack-ReID's detector half: a global-search detector that embeds what it finds; importing registers it.

Known of the published method (its figure and its authors' notes): embeddings of the template box and of
every candidate are taken from the backbone's features, and FairMOT is credited. Everything else here is our own design
or FairMOT's.
"""

from dmtrack.models.reid import dmtrack_reid as dmtrack_reid
from dmtrack.models.reid import embedding_head as embedding_head
