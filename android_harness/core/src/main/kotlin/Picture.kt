package org.pocketmatte.harness.core

import kotlin.math.roundToInt

private const val LEVELS = 255f

/** Returns packed ARGB pixels as a `(1, 3, H, W)` tensor in 0..1; their alpha is not kept. */
fun planesOf(pixels: IntArray): FloatArray {
    val size = pixels.size
    val planes = FloatArray(3 * size)
    for (index in 0 until size) {
        val pixel = pixels[index]
        planes[index] = (pixel shr 16 and 0xff) / LEVELS
        planes[size + index] = (pixel shr 8 and 0xff) / LEVELS
        planes[2 * size + index] = (pixel and 0xff) / LEVELS
    }
    return planes
}

/**
 * Returns the foreground over a colour, as opaque ARGB pixels.
 *
 * @param foreground `(1, 3, H, W)`, straight, not premultiplied.
 * @param alpha `(1, 1, H, W)`.
 * @param colour packed RGB.
 */
fun composite(foreground: FloatArray, alpha: FloatArray, colour: Int): IntArray {
    require(foreground.size == 3 * alpha.size) {
        "${foreground.size} values of foreground and ${alpha.size} of alpha; three times as many"
    }
    val size = alpha.size
    return IntArray(size) { index ->
        val share = alpha[index]
        var pixel = 0xff
        for (channel in 0 until 3) {
            val behind = (colour shr (16 - 8 * channel) and 0xff) / LEVELS
            val value = share * foreground[channel * size + index] + (1 - share) * behind
            pixel = pixel shl 8 or level(value)
        }
        pixel
    }
}

/** A part of a picture, in pixels. */
data class Crop(val left: Int, val top: Int, val width: Int, val height: Int)

/** Returns the largest part, from the middle, that has the shape of [toHw], height and width. */
fun middle(width: Int, height: Int, toHw: List<Int>): Crop {
    val (toHeight, toWidth) = toHw
    val wide = width.toLong() * toHeight > height.toLong() * toWidth
    val cutWidth = if (wide) maxOf(1, height * toWidth / toHeight) else width
    val cutHeight = if (wide) height else maxOf(1, width * toHeight / toWidth)
    return Crop((width - cutWidth) / 2, (height - cutHeight) / 2, cutWidth, cutHeight)
}

private fun level(value: Float): Int =
    if (value.isNaN()) 0 else (value.coerceIn(0f, 1f) * LEVELS).roundToInt()
