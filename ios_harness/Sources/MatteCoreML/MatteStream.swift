#if canImport(CoreML)
import CoreML
import Foundation
import MatteCore

/// A matte for every frame of a camera, the states of one fed back into the next.
public final class MatteStream {
    public let height: Int
    public let width: Int
    private let contract: Contract
    private let engine: CoreMLEngine
    private var board: Board

    private init(_ contract: Contract, _ engine: CoreMLEngine, height: Int, width: Int) {
        self.contract = contract
        self.engine = engine
        self.height = height
        self.width = width
        board = Board([contract])
    }

    /// Load the program of a step of `rvm`, which takes nothing but a frame and its own states.
    public static func make(
        _ bundle: URL, _ step: HeldStep, on delegate: Delegate
    ) async throws -> MatteStream {
        let artifact = try Manifest.read(bundle).program(of: step)
        let contract = artifact.contract
        guard let frame = contract.inputs.first(where: { $0.name == "frame" }),
            frame.shape.count == 4
        else { throw Fault("\(artifact.path) takes no frame; build it again") }
        let engine = try await CoreMLEngine.make([Source(artifact)], in: bundle, on: delegate)
        try engine.load(artifact.program)
        return MatteStream(contract, engine, height: frame.shape[2], width: frame.shape[3])
    }

    /// Lay the person of a frame over one colour.
    ///
    /// - Parameters:
    ///   - rgba: The frame, `height` rows of `width` pixels of four bytes.
    ///   - colour: Red, green and blue in 0...1.
    public func composite(_ rgba: [UInt8], over colour: [Float]) throws -> [UInt8] {
        board.lay(Pixels.planes(rgba, height: height, width: width), as: "frame")
        let outputs = try engine.run(contract.name, try board.inputs(of: contract))
        try board.lay(outputs, of: contract)
        var named: [String: Tensor] = [:]
        for (output, tensor) in zip(contract.outputs, outputs) {
            named[output.name] = tensor
        }
        guard let foreground = named["foreground"], let alpha = named["alpha"] else {
            throw Fault("\(contract.name) gave no foreground or no alpha; build it again")
        }
        return Pixels.laid(foreground, alpha, over: colour)
    }
}
#endif
