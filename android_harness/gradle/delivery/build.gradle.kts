plugins {
    alias(libs.plugins.kotlin.jvm)
    `java-gradle-plugin`
}

kotlin {
    jvmToolchain(libs.versions.jdk.get().toInt())
}

gradlePlugin {
    plugins {
        create("delivery") {
            id = "org.pocketmatte.delivery"
            implementationClass = "org.pocketmatte.harness.gradle.DeliveryPlugin"
        }
    }
}

dependencies {
    // The app's own version is there when the plugin runs.
    compileOnly("com.android.tools.build:gradle-api:${libs.versions.android.gradle.plugin.get()}")
    testImplementation(libs.junit)
}
