"""Text drawn on an image with a font of its own."""

from PIL import Image, ImageDraw, ImageFont

FONT = ImageFont.load_default(size=20)


def run() -> None:
    """Draw ten captions."""
    image = Image.new("RGB", (500, 100), "white")
    draw = ImageDraw.Draw(image)
    for number in range(10):
        draw.text((0, 0), f"Caption {number}", font=FONT)
