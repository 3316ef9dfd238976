//! The gradient delta a^T of a layer's weights, both roles, and with that of the output the squares delta delta^T of the
//! [loss](super::loss).
//!
//! The right factor of a gradient is kept for the features and travels with the activations of a hidden layer's inputs; both
//! are known before delta is. The output layer's is sent when delta is known, and then it is \[a^T | delta^T\].

use crate::error::Error;
use crate::mask::Phase;
use crate::mlp::TrainingPlan;
use crate::protocol::place::{Place, place};
use crate::secret::SecretIntegers;

use super::factor::{EncryptedFactor, Lifetime};
use super::loss;
use super::product::{self, Offered, answer, offer, offered, open, recv_factor, send_factor};
use super::share::Share;
use super::side::{MaskOrder, Side};
use super::state::missing;
use super::widths::ProductWidths;

/// What one server computes the gradient of a layer with.
pub(super) struct Gradient<'a> {
    plan: &'a TrainingPlan,
    /// Of the gradient, and of the loss.
    places: [Place; 2],
    layer: usize,
    widths: ProductWidths,
    /// delta.
    left: &'a Share,
    /// a^T, or \[a^T | delta^T\].
    right: Share,
    /// The other server's right factor, if it is there already.
    theirs: Option<EncryptedFactor>,
}

/// Shares of the products.
pub(super) struct Gradients {
    /// delta a^T under the masks of divisions, or these.
    pub weights: Share,
    /// delta delta^T, of the output.
    pub squares: Option<Share>,
}

impl Gradients {
    /// The share of the divided gradient; the loss is added to the sum of the epoch.
    pub fn quotient(self, divisor: i128, losses: &mut Option<Share>) -> Share {
        if let Some(squares) = &self.squares {
            loss::add(losses, squares);
        }
        self.weights.divided(divisor)
    }
}

impl<'a> Gradient<'a> {
    /// Sends the right factor unless the other has it. `theirs` is the other's, if that is here.
    pub fn begin(
        side: &mut Side,
        plan: &'a TrainingPlan,
        (step, layer): (u64, usize),
        below: &Share,
        delta: &'a Share,
        theirs: Option<&EncryptedFactor>,
    ) -> Result<Self, Error> {
        let places = [Phase::Gradient, Phase::Loss].map(|phase| place(step, phase, layer as u16));
        let rows = delta.columns();
        let (below, theirs) = (below.transposed(), theirs.cloned());
        if theirs.is_some() {
            let widths = side.widths.gradient(layer, rows);
            return Ok(Gradient { plan, places, layer, widths, left: delta, right: below, theirs });
        }
        if !plan.layers.is_output(layer) {
            return Err(missing("factor of a hidden layer's gradient"));
        }
        let (widths, right) = (side.widths.gradient_and_squares(rows), below.beside(&delta.transposed()));
        send_factor(side, places[0], &widths, &right, Lifetime::Once)?;
        Ok(Gradient { plan, places, layer, widths, left: delta, right, theirs })
    }

    /// Takes the other's right factor.
    pub fn theirs(&self, side: &mut Side) -> Result<EncryptedFactor, Error> {
        match &self.theirs {
            Some(theirs) => Ok(theirs.clone()),
            None => recv_factor(side, self.places[0], &self.widths, self.right.columns(), Lifetime::Once),
        }
    }

    /// P2's first half.
    pub fn offer(&self, side: &mut Side, theirs: &EncryptedFactor) -> Result<Offered, Error> {
        offer(side, self.places[0], &self.widths, self.left, theirs)
    }

    /// What P2 offers, for P1 to take.
    pub fn offered(&self, theirs: &EncryptedFactor) -> (Place, usize) {
        offered(self.places[0], &self.widths, &theirs.layout)
    }

    /// P1's half.
    pub fn answer(
        &self,
        side: &mut Side,
        theirs: &EncryptedFactor,
        offer: &SecretIntegers,
    ) -> Result<Gradients, Error> {
        let [at, loss_at] = self.places;
        let own = side.widths.gradient(self.layer, self.left.columns());
        let weights = product::masks(side, at, &own, self.inputs(), MaskOrder::AsItLies);
        let squares = self.rides().then(|| loss::masks(side, loss_at, self.left));
        let masks = squares.as_ref().map_or_else(|| weights.clone(), |squares| weights.beside(squares));
        answer(side, at, &self.widths, (self.left, &self.right), theirs, offer, &masks)?;
        let squares = match squares {
            None if self.is_of_output() => Some(loss::answer_alone(side, loss_at, self.left)?),
            squares => squares,
        };
        Ok(Gradients { weights, squares })
    }

    /// P2's second half.
    pub fn finish(&self, side: &mut Side, offered: &Offered) -> Result<Gradients, Error> {
        let [at, loss_at] = self.places;
        let factors = (self.left, &self.right);
        let products = open(side, at, &self.widths, factors, offered)?;
        let (weights, squares) = products.split_columns(self.inputs());
        side.require_masked(at, &weights, self.plan.bounds.gradients)?;
        let squares = match self.rides() {
            true => Some(loss::admit(side, loss_at, self.left, squares)?),
            false if self.is_of_output() => Some(loss::ask_alone(side, loss_at, self.left)?),
            false => None,
        };
        Ok(Gradients { weights, squares })
    }

    fn inputs(&self) -> usize {
        self.plan.layers.fan_in(self.layer)
    }

    fn is_of_output(&self) -> bool {
        self.plan.layers.is_output(self.layer)
    }

    /// Whether delta delta^T is the last columns of the product.
    fn rides(&self) -> bool {
        self.theirs.is_none()
    }
}
