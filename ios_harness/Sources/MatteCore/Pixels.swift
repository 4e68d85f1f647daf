/// Pictures as bytes, red, green, blue and one byte that does not count, and as tensors.
public enum Pixels {
    /// A `(1, 3, height, width)` tensor in 0...1.
    public static func planes(_ rgba: [UInt8], height: Int, width: Int) -> Tensor {
        let area = height * width
        var values = [Float](repeating: 0, count: 3 * area)
        for pixel in 0..<area {
            for channel in 0..<3 {
                values[channel * area + pixel] = Float(rgba[4 * pixel + channel]) / 255
            }
        }
        return Tensor(shape: [1, 3, height, width], values: values)
    }

    /// A foreground laid over one colour: `alpha * foreground + (1 - alpha) * colour`.
    ///
    /// - Parameter colour: Red, green and blue in 0...1.
    public static func laid(
        _ foreground: Tensor, _ alpha: Tensor, over colour: [Float]
    ) -> [UInt8] {
        let area = alpha.values.count
        var rgba = [UInt8](repeating: 255, count: 4 * area)
        for pixel in 0..<area {
            let share = alpha.values[pixel]
            for channel in 0..<3 {
                let own = foreground.values[channel * area + pixel]
                let mixed = share * own + (1 - share) * colour[channel]
                let level = (mixed * 255).rounded()
                // Not a number is no level and would end the program here.
                rgba[4 * pixel + channel] = level >= 0 ? UInt8(min(level, 255)) : 0
            }
        }
        return rgba
    }
}
