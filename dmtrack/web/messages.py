"""What a page or a program may ask of the server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

_Box = Annotated[list[float], Field(min_length=4, max_length=4, description="left, top, width, height in pixels")]
_Frame = Annotated[int, Field(ge=0, le=2**31, description="counted from 0")]


class NewProject(BaseModel):
    """Which video a project is about."""

    video: str = Field(max_length=4096)
    place: Literal["videos", "uploads", "live"] = "videos"
    config: str | None = None


class AddTarget(BaseModel):
    """A new target and its first box."""

    change: Literal["add_target"]
    frame: _Frame
    box_xywh: _Box
    name: str = Field("", max_length=100)


class OfTarget(BaseModel):
    """A change of a target that is there."""

    target: int
    revision: int | None = Field(
        None,
        ge=0,
        description="of the project as it was shown: with it, a target that was changed since is refused (409)",
    )


class SetBox(OfTarget):
    """A box of a target, drawn or corrected."""

    change: Literal["set_box"]
    frame: _Frame
    box_xywh: _Box


class RemoveBox(OfTarget):
    """A drawn box that is taken back; what the tracker had said returns."""

    change: Literal["remove_box"]
    frame: _Frame


class Rename(OfTarget):
    """Another name of a target."""

    change: Literal["rename"]
    name: str = Field(min_length=1, max_length=100)


class RemoveTarget(OfTarget):
    """A target that is deleted."""

    change: Literal["remove_target"]


class Undo(BaseModel):
    """Takes the last change back."""

    change: Literal["undo"]


class UseTracker(BaseModel):
    """Another tracker from now on."""

    change: Literal["use_tracker"]
    config: str = Field(max_length=4096)


Change = Annotated[
    AddTarget | SetBox | RemoveBox | Rename | RemoveTarget | Undo | UseTracker, Field(discriminator="change")
]


class Tracking(BaseModel):
    """What to do: `tracking` starts or continues."""

    state: Literal["tracking", "paused", "cancelled"]
    backwards: bool = False
