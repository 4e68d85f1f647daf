/// A tensor in single precision, C-contiguous.
public struct Tensor: Equatable, Sendable {
    public let shape: [Int]
    public let values: [Float]

    public init(shape: [Int], values: [Float]) {
        self.shape = shape
        self.values = values
    }
}

/// How many values a shape has; nil where a length is not positive or there are too many to count.
public func elementCount(_ shape: [Int]) -> Int? {
    var count = 1
    for length in shape {
        guard length > 0 else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: length)
        if overflow { return nil }
        count = product
    }
    return count
}

/// Where the rows of a strided tensor begin, in the order of a contiguous one.
///
/// A row is all values that differ in the last index alone. Strides are in elements: a runtime may
/// pad the rows of what it gives.
public func rowStarts(shape: [Int], strides: [Int]) -> [Int] {
    var starts = [0]
    for (length, stride) in zip(shape.dropLast(), strides.dropLast()) {
        starts = starts.flatMap { start in (0..<length).map { start + $0 * stride } }
    }
    return starts
}
