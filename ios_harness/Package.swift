// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "MatteHarness",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "MatteCore", targets: ["MatteCore"]),
        .library(name: "MatteCoreML", targets: ["MatteCoreML"]),
        .executable(name: "matte-bench", targets: ["MatteBench"]),
    ],
    targets: [
        .target(name: "MatteCore"),
        .target(name: "MatteCoreML", dependencies: ["MatteCore"]),
        .executableTarget(name: "MatteBench", dependencies: ["MatteCore", "MatteCoreML"]),
        .testTarget(name: "MatteCoreTests", dependencies: ["MatteCore"]),
        .testTarget(name: "MatteCoreMLTests", dependencies: ["MatteCore", "MatteCoreML"]),
    ]
)
