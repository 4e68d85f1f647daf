#if canImport(CoreML)
import CoreML
import Foundation
import MatteCore

/// A tensor as Core ML takes it; of halves, rounded to nearest, ties to even.
func multiArray(_ tensor: Tensor, _ dtype: Manifest.Feature.Dtype) throws -> MLMultiArray {
    let shape = tensor.shape.map { NSNumber(value: $0) }
    let count = tensor.values.count
    switch dtype {
    case .float32:
        let array = try MLMultiArray(shape: shape, dataType: .float32)
        let place = array.dataPointer.bindMemory(to: Float.self, capacity: count)
        for index in 0..<count {
            place[index] = tensor.values[index]
        }
        return array
    case .float16:
        let array = try MLMultiArray(shape: shape, dataType: .float16)
        let place = array.dataPointer.bindMemory(to: UInt16.self, capacity: count)
        for index in 0..<count {
            place[index] = halfBits(tensor.values[index])
        }
        return array
    }
}

/// What Core ML gave, in single precision; it may have padded the rows.
func tensor(_ array: MLMultiArray, named name: String) throws -> Tensor {
    let shape = array.shape.map { $0.intValue }
    let strides = array.strides.map { $0.intValue }
    guard let width = shape.last, let step = strides.last else {
        throw Fault("\(name) has no dimensions; build it again")
    }
    let starts = rowStarts(shape: shape, strides: strides)
    var values: [Float] = []
    values.reserveCapacity(starts.count * width)
    switch array.dataType {
    case .float32:
        let place = array.dataPointer.assumingMemoryBound(to: Float.self)
        for start in starts {
            for column in 0..<width {
                values.append(place[start + column * step])
            }
        }
    case .float16:
        let place = array.dataPointer.assumingMemoryBound(to: UInt16.self)
        for start in starts {
            for column in 0..<width {
                values.append(halfValue(place[start + column * step]))
            }
        }
    default:
        throw Fault("\(name) is neither float32 nor float16; build it again")
    }
    return Tensor(shape: shape, values: values)
}

// Where the processor has halves its own conversion is used, so that frames are not timed with
// ours; a test holds the two to each other.
#if arch(arm64)
func halfBits(_ value: Float) -> UInt16 {
    Float16(value).bitPattern
}

func halfValue(_ bits: UInt16) -> Float {
    Float(Float16(bitPattern: bits))
}
#else
func halfBits(_ value: Float) -> UInt16 {
    Half.bits(of: value)
}

func halfValue(_ bits: UInt16) -> Float {
    Half.value(of: bits)
}
#endif
#endif
