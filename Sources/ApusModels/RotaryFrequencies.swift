import ApusCheckpoint

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Radians per position of each pair of numbers of a head (RoFormer, Su et al. 2021, equation 15), stretched as the
/// configuration says. In float32, step by step as the reference does: angles at large positions magnify any difference.
enum RotaryFrequencies {
    static func inverse(_ configuration: RotaryConfiguration, headDimension: Int) -> [Float] {
        let base = Float(configuration.base)
        let plain = stride(from: 0, to: headDimension, by: 2).map { index in
            1 / powf(base, Float(index) / Float(headDimension))
        }
        switch configuration.scaling {
        case .none:
            return plain
        case .linear(let factor):
            return plain.map { $0 / Float(factor) }
        case .llama3(let factor, let lowFactor, let highFactor, let originalContext):
            return plain.map { frequency in
                let wavelength = 2 * Float.pi / frequency
                if wavelength < Float(originalContext / highFactor) { return frequency }
                if wavelength > Float(originalContext / lowFactor) { return frequency / Float(factor) }
                let smooth =
                    (Float(originalContext) / wavelength - Float(lowFactor)) / Float(highFactor - lowFactor)
                return (1 - smooth) * (frequency / Float(factor)) + smooth * frequency
            }
        }
    }
}
