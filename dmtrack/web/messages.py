"""What a page or a program may ask of the server, and how it refuses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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


class Refusal(BaseModel):
    """Why something was not done."""

    error: str = Field(description="one sentence for people")


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": said}
    for status, said in {
        400: "What is asked cannot be done, or a file cannot be read",
        401: "The token is missing or wrong",
        404: "There is no such project, video, target, tracker or format",
        409: "The target was changed since the revision that was shown",
        413: "The upload, the video or its frames are larger than this server takes",
        421: "The server does not go by this name, or another page asks",
        422: "The request does not have this form",
        503: "As many videos are tracked as this server takes at once",
        507: "The disk of the server is full or cannot be written",
    }.items()
}
"""By status; every route may answer with those of `ALWAYS`."""

ALWAYS = (400, 401, 404, 421, 422)
