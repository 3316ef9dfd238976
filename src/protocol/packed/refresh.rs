//! Fresh shares without cryptography (protocol 4.2): P1 sends m - T1 in clear, P2 adds T2 and has T + m, the view that
//! any other way would give it.

use crate::error::Error;
use crate::mask::Purpose;
use crate::protocol::handshake::Role;
use crate::protocol::message::Operation;
use crate::protocol::place::Place;

use super::share::Share;
use super::side::{MaskOrder, Side};

/// P1 ends with the mask m, P2 with T + m. `share_bits` is S(T) before.
///
/// The masks of a value that is divided next have [`Purpose::Division`], those of one that stays [`Purpose::Refresh`].
pub(super) fn run(
    side: &mut Side,
    place: Place,
    purpose: Purpose,
    share: &Share,
    (value_bits, share_bits): (u32, u32),
) -> Result<Share, Error> {
    let operation = if purpose == Purpose::Division { Operation::Divide } else { Operation::Refresh };
    let (rows, columns) = (share.rows(), share.columns());
    // |m - T1| is below 2 to this.
    let max_bits = side.widths.fresh(value_bits).max(share_bits) + 1;
    match side.role {
        Role::Cloud => {
            let masks = side.masks(place, purpose, value_bits, (rows, columns), MaskOrder::AsItLies);
            side.send_clear(place, operation, &masks.minus(share), max_bits)?;
            Ok(masks)
        }
        Role::Key => {
            let change = side.recv_clear(place, operation, rows, columns, max_bits)?;
            let fresh = share.plus(&change);
            side.require_masked(place, &fresh, value_bits)?;
            Ok(fresh)
        }
    }
}
