/// A reference trace, docs/protocol/trace.schema.json.
public struct Trace: Decodable, Sendable {
    public let schemaVersion: Int
    public let network: String
    public let tier: String
    public let orientation: Orientation
    public let weightsDigest: String
    public let frames: Int
    public let featureRange: Double
    public let programs: [Program]
    public let limits: [String: Limits]
    public let steps: [Step]
    public let data: Numbers

    enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
        case network, tier, orientation
        case weightsDigest = "weights_digest"
        case frames
        case featureRange = "feature_range"
        case programs, limits, steps, data
    }

    public enum Dtype: String, Decodable, Sendable {
        case float32, uint8
    }

    public enum Judged: String, Decodable, Sendable {
        case matte, mask
    }

    /// A tensor in `tensors.bin`.
    public struct Stored: Decodable, Sendable {
        public let name: String
        public let dtype: Dtype
        public let offset: Int

        enum CodingKeys: String, CodingKey {
            case name, dtype, offset
        }
    }

    public struct Shape: Decodable, Equatable, Sendable {
        public let name: String
        public let shape: [Int]

        enum CodingKeys: String, CodingKey {
            case name, shape
        }
    }

    /// A state input, the output that replaces it, and its value before the first frame.
    public struct State: Decodable, Equatable, Sendable {
        public let input: String
        public let output: String
        public let reset: Double

        enum CodingKeys: String, CodingKey {
            case input, output, reset
        }
    }

    /// An output of a program and what a replay of it is held to.
    public struct Output: Decodable, Sendable {
        public let name: String
        public let shape: [Int]
        public let relative: Bool
        public let seen: Bool
        public let shownBy: String?
        public let judged: Judged?

        enum CodingKeys: String, CodingKey {
            case name, shape, relative, seen
            case shownBy = "shown_by"
            case judged
        }
    }

    public struct Program: Decodable, Sendable {
        public let name: String
        public let inputs: [Shape]
        public let outputs: [Output]
        public let states: [State]

        enum CodingKeys: String, CodingKey {
            case name, inputs, outputs, states
        }

        public var contract: Contract {
            Contract(
                name: name,
                inputs: inputs,
                outputs: outputs.map { Shape(name: $0.name, shape: $0.shape) },
                states: states)
        }
    }

    /// What files of one recipe are held to; nil where a recipe sets none.
    public struct Limits: Decodable, Sendable {
        public let psnrDb: Double
        public let othersPsnrDb: Double
        public let maxAbs: Double?
        public let matteMad: Double?
        public let maskFlipped: Double?

        enum CodingKeys: String, CodingKey {
            case psnrDb = "psnr_db"
            case othersPsnrDb = "others_psnr_db"
            case maxAbs = "max_abs"
            case matteMad = "matte_mad"
            case maskFlipped = "mask_flipped"
        }
    }

    /// One call of one program.
    public struct Step: Decodable, Sendable {
        public let frame: Int
        public let program: String
        public let given: [Stored]
        public let expected: [Stored]

        enum CodingKeys: String, CodingKey {
            case frame, program, given, expected
        }
    }

    /// The file of numbers; in the schema `Data`, a name that Foundation has taken.
    public struct Numbers: Decodable, Sendable {
        public let path: String
        public let sha256: String
        public let sizeBytes: Int

        enum CodingKeys: String, CodingKey {
            case path, sha256
            case sizeBytes = "size_bytes"
        }
    }
}

/// What a program takes and gives, in the order of its function.
public struct Contract: Sendable {
    public let name: String
    public let inputs: [Trace.Shape]
    public let outputs: [Trace.Shape]
    public let states: [Trace.State]

    public init(
        name: String, inputs: [Trace.Shape], outputs: [Trace.Shape], states: [Trace.State]
    ) {
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.states = states
    }
}
