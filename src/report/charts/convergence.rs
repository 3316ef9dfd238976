//! Does training under encryption learn what plain training learns?

use super::Chart;
use crate::measure::rows::HistoryRow;
use crate::measure::units::three_digits;
use crate::report::axis::Axis;
use crate::report::error::ReportError;
use crate::report::line_chart::{LineChart, Panel, Point, Series, x_values, y_values};
use crate::report::style::{Look, Marker, colour};

/// Loss and accuracy over the epochs, encrypted beside plain float; nothing when there is no row beyond the start.
pub fn draw(rows: &[HistoryRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    if rows.len() < 2 {
        return Ok(Vec::new());
    }
    let (x_label, places) = places(rows);
    let curve = |name: &str, look: Look, value: fn(&HistoryRow) -> Option<f64>| {
        let points = rows.iter().zip(&places).filter_map(|(row, place)| Some(Point::new(*place, value(row)?)));
        let points: Vec<Point> = points.filter(|point| point.y.is_finite()).collect();
        (!points.is_empty()).then(|| Series { name: name.to_owned(), look, points })
    };
    let loss = [
        curve(TRAIN, look(0, false), |row| row.train_loss),
        curve(TEST, look(1, false), |row| row.test_loss),
        curve(FLOAT_TRAIN, look(0, true), |row| row.baseline_train_loss),
        curve(FLOAT_TEST, look(1, true), |row| row.baseline_test_loss),
    ];
    let accuracy = [
        curve(TRAIN, look(0, false), |row| row.train_accuracy),
        curve(TEST, look(1, false), |row| row.test_accuracy),
        curve(FLOAT_TRAIN, look(0, true), |row| row.baseline_train_accuracy),
        curve(FLOAT_TEST, look(1, true), |row| row.baseline_test_accuracy),
    ];
    let mut loss: Vec<Series> = loss.into_iter().flatten().collect();
    let is_measured = !loss.is_empty();
    if !is_measured {
        // The data came encrypted: what came back of the steps is all that is known.
        loss.extend(curve(RUNNING, look(0, false), |row| row.running_loss));
    }
    let accuracy: Vec<Series> = accuracy.into_iter().flatten().collect();
    let x = |series: &[Series]| Axis::counts_from_zero(&x_values(series));
    let title = format!("Convergence{suffix}");
    let mut panels = vec![
        Panel {
            x_label: x_label.to_owned(),
            y_label: "Loss".to_owned(),
            x: x(&loss),
            y: Axis::linear_from_zero(&y_values(&loss), three_digits),
            series: loss,
        },
        Panel {
            x_label: x_label.to_owned(),
            y_label: "Accuracy (%)".to_owned(),
            x: x(&accuracy),
            y: Axis::linear_around(&y_values(&accuracy), |share| three_digits(share * 100.0)),
            series: accuracy,
        },
    ];
    panels.retain(|panel| !panel.series.is_empty());
    if panels.is_empty() {
        return Ok(Vec::new());
    }
    let subtitle = match is_measured {
        true => "Trained under encryption against a plain float network from the same weights and batches",
        false => "Trained under encryption on data that came encrypted, so that only the loss of the steps is known",
    };
    let subtitle = subtitle.to_owned();
    let svg = LineChart { title: title.clone(), subtitle, panels }.draw()?;
    let caption =
        "The encrypted run's figures are of the model as its owner opens it. Where the plain float curve hides \
                   behind the encrypted one, the two are equal at this resolution."
            .to_owned();
    Ok(vec![Chart { stem: "convergence".to_owned(), title, caption, svg }])
}

const TRAIN: &str = "encrypted, training part";
const TEST: &str = "encrypted, test part";
const RUNNING: &str = "encrypted, mean over the steps of the epoch";
const FLOAT_TRAIN: &str = "plain float, training part";
const FLOAT_TEST: &str = "plain float, test part";

fn look(index: usize, plain: bool) -> Look {
    // The plain curve is drawn over the encrypted one: darker and dashed, so that both show where they are equal.
    match plain {
        false => Look { colour: colour(index), marker: Marker::Circle, dashed: false },
        true => Look { colour: colour(if index == 0 { 6 } else { 4 }), marker: Marker::Cross, dashed: true },
    }
}

/// Where the rows stand: at epochs, the last part of one as that part, or at steps while no epoch is whole.
fn places(rows: &[HistoryRow]) -> (&'static str, Vec<f64>) {
    let steps: Option<Vec<u64>> = rows.iter().map(|row| row.steps).collect();
    let first_epoch_steps = rows.iter().find(|row| row.epoch == 1).and_then(|row| row.steps).filter(|steps| *steps > 0);
    let several_epochs = rows.iter().any(|row| row.epoch > 1);
    match (steps, first_epoch_steps) {
        (Some(steps), Some(an_epoch)) if several_epochs => {
            ("Epoch", steps.into_iter().map(|step| step as f64 / an_epoch as f64).collect())
        }
        (Some(steps), _) => ("Step (minibatch)", steps.into_iter().map(|step| step as f64).collect()),
        (None, _) => ("Epoch", rows.iter().map(|row| row.epoch as f64).collect()),
    }
}
