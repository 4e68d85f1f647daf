"""What a camera sees behind everything: a picture or a made-up scene, in or out of focus."""

import numpy as np
from PIL import Image, ImageFilter

from pocketmatte.training import looks, placement, textures
from pocketmatte.training.motion import KNOTS, STILL, FloatArray, Track
from pocketmatte.training.picture_shelf import PictureShelf
from pocketmatte.training.staging import Backdrop, SizeHW, seen
from pocketmatte.training.textures import Picture


def random_backdrop(
    random: np.random.Generator,
    shelf: PictureShelf,
    frame_hw: SizeHW,
    camera: Track,
    common: FloatArray,
) -> Backdrop:
    """Choose a still background.

    Args:
        random: Source of chance.
        shelf: Pictures to choose from, beside made-up scenes.
        frame_hw: Size of the frames.
        camera: How it is seen.
        common: ``(256, 3)`` colour table of the whole scene.
    """
    if random.random() < 0.3:
        picture = textures.scene(random, (int(0.8 * frame_hw[0]), int(0.8 * frame_hw[1])))
    else:
        picture = shelf.draw(random)
    return backdrop_of(random, picture[None], frame_hw, camera, common)


def backdrop_of(
    random: np.random.Generator,
    pictures: Picture,
    frame_hw: SizeHW,
    camera: Track,
    common: FloatArray,
) -> Backdrop:
    """Make a background of ``(1 or T, H, W, 3)`` pictures: a part of them, recoloured."""
    if random.random() < 0.5:
        pictures = pictures[:, :, ::-1]
    if random.random() < 0.35:
        focus = ImageFilter.GaussianBlur(random.uniform(0.8, 6.0) * min(frame_hw) / 256.0)
        images = [Image.fromarray(np.ascontiguousarray(each)) for each in pictures]
        pictures = np.stack([np.asarray(image.filter(focus)) for image in images])
    colour = looks.recoloured(random, pictures, 0.7, common)
    picture_hw = pictures.shape[1], pictures.shape[2]
    at = placement.cover(random, picture_hw, frame_hw, 1, STILL)
    path = np.broadcast_to(at, (KNOTS, 3, 3))
    return Backdrop(pictures=colour, path=seen(camera, path, 1.0))
