/// The tensors of one network by name, and what programs take from it and lay on it.
///
/// A name means one tensor in all programs of a network.
public struct Board {
    private let contracts: [Contract]
    private var tensors: [String: Tensor] = [:]

    public init(_ contracts: [Contract]) {
        self.contracts = contracts
        reset()
    }

    /// Forget everything: states are at their reset values, as before the first frame.
    public mutating func reset() {
        tensors = [:]
        for contract in contracts {
            for state in contract.states {
                guard let input = contract.inputs.first(where: { $0.name == state.input }) else {
                    continue
                }
                let count = elementCount(input.shape) ?? 0
                let values = [Float](repeating: Float(state.reset), count: count)
                tensors[state.input] = Tensor(shape: input.shape, values: values)
            }
        }
    }

    public mutating func lay(_ tensor: Tensor, as name: String) {
        tensors[name] = tensor
    }

    /// What a program takes, in its order.
    public func inputs(of contract: Contract) throws -> [Tensor] {
        try contract.inputs.map { input in
            guard let tensor = tensors[input.name] else {
                throw Fault("\(contract.name) needs \(input.name), which nothing gave yet")
            }
            return tensor
        }
    }

    /// Lay down what a program gave, and its states as what they are for the next call.
    public mutating func lay(_ outputs: [Tensor], of contract: Contract) throws {
        guard outputs.map({ $0.shape }) == contract.outputs.map({ $0.shape }) else {
            let shapes = outputs.map { $0.shape }
            throw Fault("\(contract.name) gave tensors of \(shapes), not of its contract's shapes")
        }
        for (output, tensor) in zip(contract.outputs, outputs) {
            tensors[output.name] = tensor
        }
        for state in contract.states {
            tensors[state.input] = tensors[state.output]
        }
    }
}
