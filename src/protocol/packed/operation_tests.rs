//! Each operation on random shares against plain arithmetic, the largest values of both signs among them.

use rug::Integer;
use subtle::Choice;

use crate::error::Error;
use crate::mask::{MaskKey, Phase, Purpose};
use crate::net::Channel;
use crate::protocol::config::{JobConfig, Protocol};
use crate::protocol::element::{engine, server_key, test_job};
use crate::protocol::mask_source::MaskSource;
use crate::protocol::place::place;
use crate::rng::SeededRng;

use super::comparison::Blinds;
use super::factor::Lifetime;
use super::gradient::{Gradient, Gradients};
use super::product::{self, answer, finish, offer, offered, recv_factor, recv_offers, send_factor};
use super::share::Share;
use super::side::{MaskOrder, Side};
use super::test_run::{Fault, cloud_key};
use super::{CloudServer, KeyServer, comparison, gate, loss};

fn job() -> JobConfig {
    JobConfig { protocol: Protocol::Packed, ..test_job("3,5,2", 20) }
}

fn in_parallel<A, B: Send>(
    cloud: impl FnOnce(&mut Side) -> Result<A, Error>,
    key: impl FnOnce(&mut Side) -> Result<B, Error> + Send,
) -> (A, B) {
    in_job(&job(), cloud, key)
}

/// Both servers of a job do their part; what each ends with.
pub(super) fn in_job<A, B: Send>(
    job: &JobConfig,
    cloud: impl FnOnce(&mut Side) -> Result<A, Error>,
    key: impl FnOnce(&mut Side) -> Result<B, Error> + Send,
) -> (A, B) {
    let (cloud_end, key_end) = Channel::local_pair();
    let masks = || MaskSource::Private(MaskKey::from_os());
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut server = KeyServer::connect(engine(2), key_end, job, server_key().clone(), masks()).unwrap();
            key(&mut server.side).unwrap()
        });
        let (public, own) = (server_key().public_key(), cloud_key().clone());
        let mut server = CloudServer::connect(engine(2), cloud_end, job, public, own, masks()).unwrap();
        let first = cloud(&mut server.side).unwrap();
        (first, other.join().unwrap())
    })
}

/// Values below 2^bits of either sign, the largest among them, and shares of them with |T1| < 2^share_bits.
pub(super) fn random(
    rng: &mut SeededRng,
    rows: usize,
    columns: usize,
    bits: u32,
    share_bits: u32,
) -> (Share, Share, Share) {
    let largest: Integer = (Integer::from(1) << bits) - 1;
    let mut signed = |bits: u32| rng.integer(bits) - rng.integer(bits);
    let values = (0..rows * columns).map(|i| match i % 4 {
        0 => largest.clone(),
        1 => Integer::from(-&largest),
        2 => Integer::new(),
        _ => signed(bits),
    });
    let clear = Share::new(rows, columns, values.collect());
    let first = Share::new(rows, columns, (0..rows * columns).map(|_| signed(share_bits - 1)).collect());
    let second = clear.plus(&first);
    (clear, first, second)
}

#[test]
fn products_are_those_of_matrices() {
    let rng = &mut SeededRng::new(1, "products");
    let widths = super::widths::Widths::of_job(&job()).unwrap().forward(0);
    let lifetimes = [Lifetime::Once, Lifetime::Products(10)];
    // 27 slots: no plaintext is full, one is, and left-overs of one, some and all rows lie together.
    for (columns, lifetime) in [1, 7, 20, 27, 32, 60].into_iter().flat_map(|c| lifetimes.map(|lifetime| (c, lifetime)))
    {
        // Smaller factors than the bounds allow, so that the product stays below its own bound.
        let (a, a1, a2) = random(rng, 5, 3, 14, widths.left_share);
        let (x, x1, x2) = random(rng, 3, columns, 14, widths.right_share);
        let at = place(0, Phase::Forward, 0);
        let (masks, masked) = in_parallel(
            |side| {
                send_factor(side, at, &widths, &x1, lifetime)?;
                let theirs = recv_factor(side, at, &widths, columns, lifetime)?;
                let [offer] = recv_offers(side, [offered(at, &widths, &theirs.layout)])?;
                let masks = product::masks(side, at, &widths, columns, MaskOrder::Transposed);
                answer(side, at, &widths, (&a1, &x1), &theirs, &offer, &masks)?;
                Ok(masks)
            },
            |side| {
                send_factor(side, at, &widths, &x2, lifetime)?;
                let theirs = recv_factor(side, at, &widths, columns, lifetime)?;
                let offered = offer(side, at, &widths, &a2, &theirs)?;
                finish(side, at, &widths, (&a2, &x2), &offered)
            },
        );
        assert_eq!(masked.minus(&masks).values(), a.product(engine(2), &x).values(), "{columns} columns");
    }
}

#[test]
fn comparisons_and_gates_are_relu_and_its_derivative() {
    let rng = &mut SeededRng::new(2, "gates");
    let share_bits = super::widths::Widths::of_job(&job()).unwrap().sum_share();
    // 16 slots a block, two blocks a plaintext: part of a block, whole ones, an odd number of them.
    for columns in [1, 12, 20, 32] {
        let (y, y1, y2) = random(rng, 3, columns, 17, share_bits);
        let (e, e1, e2) = random(rng, 3, columns, 17, share_bits - 1);
        let at = |phase| place(0, phase, 1);
        let ((tau, relu1, back1), (beta, relu2, back2)) = in_parallel(
            |side| {
                let blinds = Blinds::draw(side, at(Phase::Compare), &y1);
                comparison::answer(side, at(Phase::Compare), &y1, &blinds)?;
                let tau = blinds.bits();
                gate::send(side, at(Phase::Gate), &y1, Some(&e1), &tau)?;
                let mixed = gate::recv_mixed(side, at(Phase::Gate), &tau, Some(at(Phase::BackwardGate)))?;
                let relu = gate::masks(side, at(Phase::Gate), &y1, 17);
                gate::reply(side, at(Phase::Gate), &y1, &tau, &mixed.first, &relu)?;
                let kept = mixed.second.unwrap();
                let mixed = gate::recv_second(side, at(Phase::BackwardGate), &tau, &kept)?;
                let back = gate::masks(side, at(Phase::BackwardGate), &e1, 17);
                gate::reply(side, at(Phase::BackwardGate), &e1, &tau, &mixed, &back)?;
                Ok((tau, relu, back))
            },
            |side| {
                comparison::send_elements(side, at(Phase::Compare), &y2)?;
                let beta = comparison::finish(side, at(Phase::Compare), &y2)?;
                let theirs = gate::recv(side, at(Phase::Gate), beta.len())?;
                let second = Some(at(Phase::BackwardGate));
                let masks = gate::mix(side, at(Phase::Gate), &y2, &beta, &theirs, second)?;
                let relu = gate::finish(side, at(Phase::Gate), &y2, &beta, &masks.first, 17)?;
                let kept = masks.second.unwrap();
                let masks = gate::mix_second(side, at(Phase::BackwardGate), &e2, &beta, &theirs, &kept)?;
                let back = gate::finish(side, at(Phase::BackwardGate), &e2, &beta, &masks, 17)?;
                Ok((beta, relu, back))
            },
        );
        let open = |k: usize| y.values()[k] > 0;
        for (k, (tau, beta)) in tau.iter().zip(beta.iter()).enumerate() {
            assert_eq!(bool::from(*tau ^ *beta), open(k), "element {k}");
        }
        let gated = |values: &Share| values.map(|k, value| if open(k) { value.clone() } else { Integer::new() });
        assert_eq!(relu2.minus(&relu1).values(), gated(&y).values());
        assert_eq!(back2.minus(&back1).values(), gated(&e).values());
    }
}

/// Every combination of the servers' bits, whatever the comparison would have given.
#[test]
fn a_gate_follows_the_exclusive_or_of_the_bits() {
    let (y, y1, y2) = random(&mut SeededRng::new(3, "bits"), 4, 10, 17, 50);
    let bits = |server: usize| (0..40).map(|k| Choice::from((k >> server & 1) as u8)).collect::<Vec<_>>();
    let (tau, beta) = (bits(0), bits(1));
    let at = place(0, Phase::Gate, 0);
    let (first, second) = in_parallel(
        |side| {
            gate::send(side, at, &y1, None, &tau)?;
            let mixed = gate::recv_mixed(side, at, &tau, None)?;
            let masks = gate::masks(side, at, &y1, 17);
            gate::reply(side, at, &y1, &tau, &mixed.first, &masks)?;
            Ok(masks)
        },
        |side| {
            let theirs = gate::recv(side, at, 40)?;
            let masks = gate::mix(side, at, &y2, &beta, &theirs, None)?;
            gate::finish(side, at, &y2, &beta, &masks.first, 17)
        },
    );
    let expected = y.map(|k, value| if bool::from(tau[k] ^ beta[k]) { value.clone() } else { Integer::new() });
    assert_eq!(second.minus(&first).values(), expected.values());
}

/// What a server says of a message: its exit code and the message, if it refuses.
fn verdict<T>(result: Result<T, Error>) -> Result<(), (u8, String)> {
    result.map(drop).map_err(|error| (error.exit_code(), error.to_string()))
}

/// P2's numbers for a gate, then P1's reply: the same again is welcome, another under the same masks is refused.
#[test]
fn a_gate_that_comes_again_brings_the_same_values_or_is_refused() {
    let rng = &mut SeededRng::new(5, "gates that come again");
    let (_, y1, y2) = random(rng, 4, 10, 17, 50);
    let (_, other1, other2) = random(rng, 4, 10, 17, 50);
    let bits = vec![Choice::from(1); 40];
    let at = place(3, Phase::Gate, 0);
    for (firsts, seconds) in [([&y1, &y1, &y1], [&y2, &y2, &other2]), ([&y1, &y1, &other1], [&y2, &y2, &y2])] {
        let (cloud, key) = in_parallel(
            |side| {
                let masks = gate::masks(side, at, &y1, 17);
                firsts
                    .map(|share| {
                        gate::send(side, at, &y1, None, &bits)?;
                        let mixed = gate::recv_mixed(side, at, &bits, None);
                        if let Ok(mixed) = &mixed {
                            gate::reply(side, at, share, &bits, &mixed.first, &masks)?;
                        }
                        Ok(verdict(mixed))
                    })
                    .into_iter()
                    .collect::<Result<Vec<_>, Error>>()
            },
            |side| {
                seconds
                    .map(|share| {
                        let theirs = gate::recv(side, at, 40)?;
                        let masks = gate::mix(side, at, share, &bits, &theirs, None)?;
                        // P1 has nothing to say to what it refuses.
                        let is_refused = std::ptr::eq(share, &other2);
                        Ok(if is_refused {
                            Ok(())
                        } else {
                            verdict(gate::finish(side, at, &y2, &bits, &masks.first, 17))
                        })
                    })
                    .into_iter()
                    .collect::<Result<Vec<_>, Error>>()
            },
        );
        let refused = if std::ptr::eq(firsts[1], firsts[2]) { &cloud } else { &key };
        assert_eq!(refused[..2], [Ok(()), Ok(())]);
        let (code, message) = refused[2].as_ref().unwrap_err();
        assert!(*code == 4 && message.contains("came back to step 3, Gate"), "{message}");
    }
}

/// Of a query, which has no second gate.
#[test]
fn a_gate_by_itself_refuses_what_no_mask_can_make() {
    let (_, y1, y2) = random(&mut SeededRng::new(6, "a gate"), 2, 3, 17, 50);
    let (bits, at) = (vec![Choice::from(0); 6], place(0, Phase::Gate, 0));
    let (verdict, ()) = in_parallel(
        |side| {
            gate::send(side, at, &y1, None, &bits)?;
            Ok(verdict(gate::recv_mixed(side, at, &bits, None)))
        },
        |side| {
            side.witness.fault = Some(Fault::LongMask(Phase::Gate, Purpose::Left));
            let theirs = gate::recv(side, at, 6)?;
            gate::mix(side, at, &y2, &bits, &theirs, None).map(drop)
        },
    );
    let (code, message) = verdict.unwrap_err();
    assert!(code == 4 && message.contains("Gate"), "{message}");
}

/// The gradient of the output layer, and the loss with it or by itself; of few features and of more than a plaintext holds.
#[test]
fn gradients_are_products_and_a_loss_is_the_sum_of_squares() {
    for (layers, lifetime) in [("3,5,2", Lifetime::Once), ("3,30,2", Lifetime::Once), ("5,2", Lifetime::Products(10))] {
        let job = JobConfig { protocol: Protocol::Packed, ..test_job(layers, 20) };
        let (plan, widths) = (&job.plan, super::widths::Widths::of_job(&job).unwrap());
        let layer = plan.layers.weight_layers() - 1;
        let rng = &mut SeededRng::new(4, "loss");
        // Smaller than their bounds, so that the gradient stays below its own.
        let (delta, delta1, delta2) = random(rng, 2, 20, 14, widths.output_delta_share());
        let (a, a1, a2) = random(rng, plan.layers.fan_in(layer), 20, 14, widths.fresh(widths.input_bits(layer)));
        let kept = lifetime == Lifetime::Products(10);
        let at = place(0, Phase::Gradient, layer as u16);
        let exchange = |side: &mut Side, below: &Share| {
            let (widths, below) = (side.widths.gradient(layer, 20), below.transposed());
            send_factor(side, at, &widths, &below, lifetime)?;
            recv_factor(side, at, &widths, below.columns(), lifetime)
        };
        let (cloud, key) = in_job(
            &job,
            |side| {
                let theirs = kept.then(|| exchange(side, &a1)).transpose()?;
                let gradient = Gradient::begin(side, plan, (0, layer), &a1, &delta1, theirs.as_ref())?;
                let theirs = gradient.theirs(side)?;
                let [offer] = recv_offers(side, [gradient.offered(&theirs)])?;
                gradient.answer(side, &theirs, &offer)
            },
            |side| {
                let theirs = kept.then(|| exchange(side, &a2)).transpose()?;
                let gradient = Gradient::begin(side, plan, (0, layer), &a2, &delta2, theirs.as_ref())?;
                let theirs = gradient.theirs(side)?;
                let offered = gradient.offer(side, &theirs)?;
                gradient.finish(side, &offered)
            },
        );
        let expected = delta.product(engine(2), &a.transposed());
        assert_eq!(key.weights.minus(&cloud.weights).values(), expected.values(), "{layers}");
        let trace = |gradients: &Gradients| loss::trace(gradients.squares.as_ref().unwrap());
        let expected: Integer = delta.values().iter().map(|value| Integer::from(value.square_ref())).sum();
        assert_eq!(trace(&key).minus(&trace(&cloud)).values(), [expected], "{layers}");
    }
}
