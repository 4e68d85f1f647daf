// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "MatteDelivery",
    products: [
        .plugin(name: "MatteCheck", targets: ["MatteCheck"]),
    ],
    targets: [
        .plugin(name: "MatteCheck", capability: .buildTool()),
    ]
)
