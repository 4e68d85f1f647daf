import Foundation

/// A name in the one spelling that an index holds: case, width and spacing do not count.
///
/// After NFKC capitals and the sharp s are all that case folding makes ASCII of, and an index is
/// ASCII.
func folded(_ name: String) -> String {
    words(of: name).joined(separator: " ")
}

/// What may be the name of a processor in what is reported, the longest first: a maker may be
/// written before it, a package behind it.
func spellings(of reported: String) -> [String] {
    var left = words(of: reported)
    if left.isEmpty { left = [""] }
    var found: [String] = []
    for start in 0..<min(left.count, mostWords) {
        let name = left[start...].joined(separator: " ")
        found.append(name)
        let base = String(name.unicodeScalars.prefix(while: { !beforeSuffix.contains($0) }))
        if base != name {
            found.append(base)
        }
        let packed = Array(name.utf8.prefix(mediatekDigits + 2))
        if packed.starts(with: "mt".utf8), packed.count == mediatekDigits + 2,
            packed.dropFirst(2).allSatisfy({ (0x30...0x39).contains($0) })
        {
            found.append(String(decoding: packed, as: UTF8.self))
        }
    }
    return found
}

private let mostWords = 8
private let mediatekDigits = 4
private let beforeSuffix: Set<Unicode.Scalar> = ["-", "/", "_"]

private func words(of name: String) -> [String] {
    var found: [String] = []
    var word = String.UnicodeScalarView()
    for scalar in name.precomposedStringWithCompatibilityMapping.unicodeScalars {
        if isSpace(scalar.value) {
            if !word.isEmpty { found.append(String(word)) }
            word = String.UnicodeScalarView()
        } else if (0x41...0x5a).contains(scalar.value) {
            word.append(Unicode.Scalar(UInt8(scalar.value + 0x20)))
        } else if scalar.value == 0xdf || scalar.value == 0x1e9e {
            word.append(contentsOf: "ss".unicodeScalars)
        } else {
            word.append(scalar)
        }
    }
    if !word.isEmpty { found.append(String(word)) }
    return found
}

/// What Python's `str.split()` splits at, as it is after NFKC.
private func isSpace(_ value: UInt32) -> Bool {
    switch value {
    case 0x09...0x0d, 0x1c...0x20, 0x85, 0xa0, 0x1680, 0x2000...0x200a: return true
    case 0x2028, 0x2029, 0x202f, 0x205f, 0x3000: return true
    default: return false
    }
}
