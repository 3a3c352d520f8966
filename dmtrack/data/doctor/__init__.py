"""The data doctor: is a data set complete and readable, and if not, which file is to blame and what helps."""

from dmtrack.data.doctor.examine import Options, examine
from dmtrack.data.doctor.findings import Examination

__all__ = ["Examination", "Options", "examine"]
