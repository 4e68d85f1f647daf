import Foundation

/// How far one output of a replay lies from the trace, over all calls of its program.
public struct Figures: Equatable, Sendable {
    public let calls: Int
    public let finite: Bool
    public let psnrDb: Double?
    public let freeMaxAbs: Double?
    public let maxAbs: Double?
    public let mad: Double?
    public let flipped: Double?
}

/// Running figures of one output.
public final class Comparison {
    private let output: Trace.Output
    private let featureRange: Double
    private var calls = 0
    private var values = 0
    private var finite = true
    private var squares = 0.0
    private var freeMaxAbs = 0.0
    private var maxAbs: Double?
    private var mad = 0.0
    private var flipped = 0.0

    public init(_ output: Trace.Output, featureRange: Double) {
        self.output = output
        self.featureRange = featureRange
    }

    /// Take one call of free replay.
    ///
    /// - Parameter matte: What the trace expects of the matte that this output is shown by, if any.
    public func free(given: [Float], expected: [Float], matte: [Float]?) {
        calls += 1
        values += given.count
        guard given.allSatisfy({ $0.isFinite }) else {
            finite = false
            return
        }
        let scale = divisor(of: expected)
        var magnitudes = 0.0
        var sides = 0
        for place in given.indices {
            let difference = (given[place] - expected[place]) / scale
            var shown = difference
            if let matte {
                shown = difference * matte[mattePlace(place, matte.count)]
            }
            squares += Double(shown) * Double(shown)
            let magnitude = Double(abs(difference))
            magnitudes += magnitude
            freeMaxAbs = max(freeMaxAbs, magnitude)
            if (given[place] >= 0.5) != (expected[place] >= 0.5) {
                sides += 1
            }
        }
        mad += magnitudes / Double(given.count)
        flipped += Double(sides) / Double(given.count)
    }

    /// Take one call that was made from the reference's own inputs.
    public func forced(given: [Float], expected: [Float]) {
        guard given.allSatisfy({ $0.isFinite }) else {
            finite = false
            return
        }
        let scale = divisor(of: expected)
        var largest = maxAbs ?? 0
        for place in given.indices {
            largest = max(largest, Double(abs((given[place] - expected[place]) / scale)))
        }
        maxAbs = largest
    }

    /// What was found. At least one call of free replay must have been taken.
    public func figures() -> Figures {
        guard finite else {
            return Figures(
                calls: calls, finite: false, psnrDb: nil, freeMaxAbs: nil, maxAbs: nil, mad: nil,
                flipped: nil)
        }
        let meanSquare = squares / Double(values)
        return Figures(
            calls: calls, finite: true, psnrDb: meanSquare == 0 ? nil : -10 * log10(meanSquare),
            freeMaxAbs: freeMaxAbs, maxAbs: maxAbs, mad: mad / Double(calls),
            flipped: flipped / Double(calls))
    }

    private func divisor(of expected: [Float]) -> Float {
        guard output.relative else { return 1 }
        let largest = expected.reduce(Float(0)) { max($0, abs($1)) }
        return Float(max(featureRange, Double(largest)))
    }

    /// One matte belongs to all channels of a picture.
    private func mattePlace(_ place: Int, _ matteCount: Int) -> Int {
        guard matteCount != values / calls else { return place }
        let area = output.shape[2] * output.shape[3]
        return place / (output.shape[1] * area) * area + place % area
    }
}

/// The limits that an output passes, in the order of the protocol; none where it will do.
public func faults(_ output: Trace.Output, _ found: Figures, _ limits: Trace.Limits) -> [String] {
    guard found.finite else { return ["not_finite"] }
    var faults: [String] = []
    if isAbove(found.maxAbs, limits.maxAbs) {
        faults.append("max_abs")
    }
    let least = output.seen ? limits.psnrDb : limits.othersPsnrDb
    if let psnrDb = found.psnrDb, psnrDb < least {
        faults.append("psnr_db")
    }
    if output.judged == .matte && isAbove(found.mad, limits.matteMad) {
        faults.append("mad")
    }
    if output.judged == .mask && isAbove(found.flipped, limits.maskFlipped) {
        faults.append("flipped")
    }
    return faults
}

/// A figure that is not known, or a limit that is not set, is not passed.
private func isAbove(_ value: Double?, _ most: Double?) -> Bool {
    guard let value, let most else { return false }
    return value > most
}
