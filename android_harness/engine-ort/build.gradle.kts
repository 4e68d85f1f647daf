plugins {
    alias(libs.plugins.kotlin.jvm)
}

kotlin {
    jvmToolchain(libs.versions.jdk.get().toInt())
}

dependencies {
    api(project(":core"))
    // The same classes as the app's `onnxruntime-android`, which a JVM module cannot take.
    compileOnly(libs.onnxruntime)
}
