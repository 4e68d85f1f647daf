plugins {
    alias(libs.plugins.kotlin.jvm)
}

kotlin {
    jvmToolchain(libs.versions.jdk.get().toInt())
}

dependencies {
    implementation(libs.gson)
    testImplementation(libs.junit)
}

tasks.test {
    val vectors = rootProject.layout.projectDirectory.dir("../docs/protocol/vectors").asFile
    inputs.dir(vectors)
    systemProperty("pocketmatte.vectors", vectors.path)
}
