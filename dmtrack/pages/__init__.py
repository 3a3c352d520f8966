"""Pages people look at: report, timeline, demo."""
