"""The bodies in view: in the camera's picture, or as lines alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from textual import getters
from textual.app import ComposeResult
from textual.widget import Widget

from actionpose.tui.picture import PictureView
from actionpose.tui.skeleton_view import SkeletonView

if TYPE_CHECKING:
    from actionpose.session import Tick

__all__ = ["BodyView"]


class BodyView(Widget):
    """Shows the newest frame; lines alone where it has no picture or none is wanted."""

    DEFAULT_CSS = """
    BodyView { height: 1fr; width: 1fr; }
    BodyView SkeletonView { display: none; }
    BodyView.-lines SkeletonView { display: block; }
    BodyView.-lines PictureView { display: none; }
    """

    picture = getters.query_one(PictureView)
    skeleton = getters.query_one(SkeletonView)

    def compose(self) -> ComposeResult:
        """Lay out both views, one of them hidden."""
        yield PictureView()
        yield SkeletonView()

    def show(self, tick: Tick, *, picture: Literal["camera", "skeleton"]) -> None:
        """Show a frame and the poses in it."""
        if tick.frame is None:
            return
        image = tick.frame.image
        has_lines = picture == "skeleton" or image is None
        self.set_class(has_lines, "-lines")
        if not has_lines and image is not None:
            self.picture.show(image, tick.poses)
            return
        size = tick.source.size if tick.source else None
        if image is not None:
            size = (image.shape[1], image.shape[0])
        is_drawn_in_pixels = any(pose.image_position is not None for pose in tick.poses)
        self.skeleton.show(tick.poses, bounds=(0.0, 0.0, *size) if size and is_drawn_in_pixels else None)
