import Foundation

/// What is said of samples, all in the unit of these.
public struct Statistics: Codable, Equatable, Sendable {
    public let count: Int
    public let mean: Double
    public let min: Double
    public let max: Double
    public let stddev: Double
    public let p50: Double
    public let p90: Double
    public let p95: Double
    public let p99: Double

    enum CodingKeys: String, CodingKey {
        case count, mean, min, max, stddev, p50, p90, p95, p99
    }

    /// nil where there is no sample, or one is not finite.
    public init?(_ samples: [Double]) {
        let sorted = samples.sorted()
        guard let smallest = sorted.first, let largest = sorted.last,
            samples.allSatisfy({ $0.isFinite })
        else { return nil }
        let number = Double(samples.count)
        let average = samples.reduce(0.0, +) / number
        let squares = samples.reduce(0.0) { $0 + ($1 - average) * ($1 - average) }
        count = samples.count
        mean = average
        min = smallest
        max = largest
        stddev = (squares / number).squareRoot()
        p50 = percentile(sorted, 50)
        p90 = percentile(sorted, 90)
        p95 = percentile(sorted, 95)
        p99 = percentile(sorted, 99)
    }
}

/// Linear between two sorted samples: definition 7 of Hyndman and Fan, "Sample Quantiles in
/// Statistical Packages", The American Statistician 50(4), 1996.
private func percentile(_ sorted: [Double], _ percent: Double) -> Double {
    let rank = Double(sorted.count - 1) * percent / 100
    let below = Int(rank)
    let above = below + 1 < sorted.count ? below + 1 : below
    return sorted[below] + (rank - Double(below)) * (sorted[above] - sorted[below])
}
