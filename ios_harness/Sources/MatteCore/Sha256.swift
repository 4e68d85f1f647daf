import Foundation

/// SHA-256 as FIPS 180-4 defines it: CryptoKit is not everywhere that this is built.
public struct Sha256 {
    private var state = initial
    private var words = [UInt32](repeating: 0, count: 64)
    private var rest: [UInt8] = []  // of a block that is not whole yet
    private var sizeBytes: UInt64 = 0

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        sizeBytes += UInt64(bytes.count)
        var start = 0
        if !rest.isEmpty {
            start = min(blockBytes - rest.count, bytes.count)
            rest.append(contentsOf: bytes[0..<start])
            if rest.count < blockBytes { return }
            let block = rest
            rest.removeAll(keepingCapacity: true)
            block.withUnsafeBytes { compress($0) }
        }
        while bytes.count - start >= blockBytes {
            compress(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + blockBytes)]))
            start += blockBytes
        }
        rest.append(contentsOf: bytes[start..<bytes.count])
    }

    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    public mutating func update(_ data: Data) {
        data.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in update(bytes) }
    }

    /// The 32 bytes of the digest of all that was given.
    public func digest() -> [UInt8] {
        var last = self
        let sizeBits = sizeBytes &* 8
        var padding: [UInt8] = [0x80]
        while (rest.count + padding.count) % blockBytes != blockBytes - 8 {
            padding.append(0)
        }
        for shift in stride(from: 56, through: 0, by: -8) {
            padding.append(UInt8(truncatingIfNeeded: sizeBits >> UInt64(shift)))
        }
        last.update(padding)
        var bytes: [UInt8] = []
        for word in last.state {
            for shift in [24, 16, 8, 0] {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(shift)))
            }
        }
        return bytes
    }

    /// The digest as 64 small hexadecimal digits.
    public func hexadecimal() -> String {
        var digits = ""
        for byte in digest() {
            digits += byte < 16 ? "0" : ""
            digits += String(byte, radix: 16)
        }
        return digits
    }

    public static func of(_ data: Data) -> Sha256 {
        var hash = Sha256()
        hash.update(data)
        return hash
    }

    private mutating func compress(_ block: UnsafeRawBufferPointer) {
        for t in 0..<16 {
            let word = block.loadUnaligned(fromByteOffset: 4 * t, as: UInt32.self)
            words[t] = UInt32(bigEndian: word)
        }
        for t in 16..<64 {
            let early: UInt32 = words[t - 15]
            let late: UInt32 = words[t - 2]
            let small0: UInt32 = turned(early, 7) ^ turned(early, 18) ^ (early >> 3)
            let small1: UInt32 = turned(late, 17) ^ turned(late, 19) ^ (late >> 10)
            words[t] = words[t - 16] &+ small0 &+ words[t - 7] &+ small1
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for t in 0..<64 {
            let big1: UInt32 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
            let chosen: UInt32 = (e & f) ^ (~e & g)
            let first: UInt32 = h &+ big1 &+ chosen &+ roundConstants[t] &+ words[t]
            let big0: UInt32 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
            let majority: UInt32 = (a & b) ^ (a & c) ^ (b & c)
            let second: UInt32 = big0 &+ majority
            h = g
            g = f
            f = e
            e = d &+ first
            d = c
            c = b
            b = a
            a = first &+ second
        }
        let added: [UInt32] = [a, b, c, d, e, f, g, h]
        for place in 0..<8 {
            state[place] = state[place] &+ added[place]
        }
    }
}

private let blockBytes = 64

private func turned(_ word: UInt32, _ places: UInt32) -> UInt32 {
    (word >> places) | (word << (32 - places))
}

// Section 5.3.3: the square roots of the first eight primes, the first 32 bits of their fractions.
private let initial: [UInt32] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
    0x1f83d9ab, 0x5be0cd19,
]

// Section 4.2.2: the cube roots of the first 64 primes, likewise.
private let roundConstants: [UInt32] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]
