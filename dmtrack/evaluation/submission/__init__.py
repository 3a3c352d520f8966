"""Packages for evaluation servers: built of stored results, checked before upload."""

from dmtrack.evaluation.submission.building import RejectedError, build_submission
from dmtrack.evaluation.submission.checking import Checked, check_package
from dmtrack.evaluation.submission.formats import SubmissionFormat

__all__ = ["Checked", "RejectedError", "SubmissionFormat", "build_submission", "check_package"]
