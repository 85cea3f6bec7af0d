//! A least-squares line through samples, and how sure its slope is.

/// The slope of a line through samples, per cycle, with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    pub slope: f64,
    /// Half the width of the interval: the slope lies within `slope ± margin`.
    pub margin: f64,
}

impl Fit {
    pub fn lower(self) -> f64 {
        self.slope - self.margin
    }

    pub fn upper(self) -> f64 {
        self.slope + self.margin
    }
}

/// Fits `y = a + slope * x`. None with fewer than three points, or with all at one x: then nothing can be
/// said about the slope's error.
pub fn fit(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Fit> {
    let count = points.clone().count();
    if count < 3 {
        return None;
    }
    let n = count as f64;
    // Sums around the mean: the counters are in the hundreds of millions and the residuals are single
    // bytes.
    let (sum_x, sum_y) = points.clone().fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x, sy + y));
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (sxx, sxy) = points.clone().fold((0.0, 0.0), |(sxx, sxy), (x, y)| {
        let (dx, dy) = (x - mean_x, y - mean_y);
        (sxx + dx * dx, sxy + dx * dy)
    });
    if sxx == 0.0 {
        return None;
    }
    let slope = sxy / sxx;
    let residuals: f64 = points.map(|(x, y)| (y - mean_y - slope * (x - mean_x)).powi(2)).sum();
    let error = (residuals / (n - 2.0) / sxx).sqrt();
    Some(Fit { slope, margin: student_975(count - 2) * error })
}

/// The 97.5 % quantile of Student's distribution: the normal one for many degrees of freedom, corrected
/// by the first terms of its expansion, and the table where these do not yet hold.
fn student_975(freedom: usize) -> f64 {
    const TABLE: [f64; 8] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306];
    if let Some(value) = freedom.checked_sub(1).and_then(|index| TABLE.get(index)) {
        return *value;
    }
    let (z, v) = (1.959_964_f64, freedom as f64);
    z + (z.powi(3) + z) / (4.0 * v)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * v * v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_line_has_its_slope_and_no_error() {
        let line = (0..200).map(|i| (f64::from(i * 5000), 3.0e8 + 47.0 * f64::from(i * 5000)));
        let fit = fit(line).unwrap();
        assert!((fit.slope - 47.0).abs() < 1e-6, "{fit:?}");
        assert!(fit.margin < 1e-6, "{fit:?}");
    }

    #[test]
    fn noise_around_a_level_line_does_not_look_like_growth() {
        // A fixed sequence that looks random.
        let mut state = 1_u64;
        let noise = (0..200).map(move |i| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (f64::from(i), 1e6 + (state >> 33) as f64 / 2_f64.powi(31) * 1000.0)
        });
        let points: Vec<_> = noise.collect();
        let fit = fit(points.iter().copied()).unwrap();
        assert!(fit.lower() < 0.0 && fit.upper() > 0.0, "{fit:?}");
        assert!(fit.margin > 0.3 && fit.margin < 2.0, "{fit:?}");
    }

    #[test]
    fn the_interval_is_that_of_the_textbook() {
        // x = 1..5, y = 2, 4, 5, 4, 5: slope 0.6, standard error sqrt(0.8/10), 3 degrees of freedom.
        let points = [(1.0, 2.0), (2.0, 4.0), (3.0, 5.0), (4.0, 4.0), (5.0, 5.0)];
        let fit = fit(points.iter().copied()).unwrap();
        assert!((fit.slope - 0.6).abs() < 1e-9);
        assert!((fit.margin - 3.182 * 0.08_f64.sqrt()).abs() < 1e-9);
        assert!((student_975(30) - 2.042).abs() < 0.001);
        assert!((student_975(10) - 2.228).abs() < 0.003);
    }

    #[test]
    fn too_little_is_no_line() {
        assert!(fit([(1.0, 1.0), (2.0, 2.0)].iter().copied()).is_none());
        assert!(fit([(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)].iter().copied()).is_none());
    }
}
