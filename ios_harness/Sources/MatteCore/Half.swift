/// Half precision as bits: `Float16` does not exist on every processor that this is built for.
public enum Half {
    /// The bits of the nearest half; of two as near, the even one.
    public static func bits(of value: Float) -> UInt16 {
        let pattern = value.bitPattern
        let sign = UInt16(truncatingIfNeeded: pattern >> 16) & 0x8000
        let magnitude = pattern & 0x7fff_ffff
        if magnitude > 0x7f80_0000 {  // not a number
            return sign | 0x7e00
        }
        if magnitude >= 0x4780_0000 {  // from 65536 on all are infinite
            return sign | 0x7c00
        }
        if magnitude < 0x3880_0000 {  // below 2^-14 halves are multiples of 2^-24
            // The last place of singles from 0.5 to 1 is 2^-24 too: the addition rounds alike.
            let shifted = Float(bitPattern: magnitude) + 0.5
            return sign | UInt16(truncatingIfNeeded: shifted.bitPattern &- 0x3f00_0000)
        }
        let odd = (magnitude >> 13) & 1
        let rounded = magnitude &+ 0x0fff &+ odd
        let bits = (rounded &- 0x3800_0000) >> 13  // 112 << 23: the biases are 127 and 15
        return sign | UInt16(truncatingIfNeeded: bits)
    }

    /// The value that a half's bits stand for.
    public static func value(of bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10) & 0x1f
        let fraction = UInt32(bits & 0x03ff)
        if exponent == 0 {
            let magnitude = Float(fraction) / 16_777_216  // 2^24
            return sign == 0 ? magnitude : -magnitude
        }
        if exponent == 31 {
            return Float(bitPattern: sign | 0x7f80_0000 | (fraction << 13))
        }
        return Float(bitPattern: sign | ((exponent + 112) << 23) | (fraction << 13))
    }
}
