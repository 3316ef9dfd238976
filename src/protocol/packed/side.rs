//! What one server holds while it runs packed operations. Both servers have a key pair of their own and the other's
//! public key: P1's pair is for masks only.

use rug::Integer;
use rug::ops::RemRounding;

use crate::arith::Engine;
use crate::dgk;
use crate::error::Error;
use crate::mask::{MaskKey, Purpose};
use crate::net::Channel;
use crate::paillier::{Ciphertexts, OwnReserve, PeerReserve, PublicKey, SecretKey};
use crate::protocol::ProtocolError;
use crate::protocol::handshake::Role;
use crate::protocol::message::{
    Operation, recv_ciphertexts, recv_compared, recv_integers, send_ciphertexts, send_compared, send_integers,
};
use crate::protocol::place::Place;
use crate::rng::SecureRng;
use crate::secret::SecretIntegers;

use super::replay::ReplayRecord;
use super::share::Share;
use super::slots::RowLayout;
use super::widths::Widths;
use super::work::{Work, WorkClock, WorkTimes};

/// What tables are built for; whatever a job of large bounds needs beyond it is built when it comes up.
const LONGEST_EXPONENT_BITS: u32 = 128;
const MOST_TERMS: usize = 1 << 16;

/// What a server compares by.
#[derive(Clone)]
pub(super) enum Comparer {
    /// The pairs that it has anyway.
    Blinded,
    /// P1: P2's key of the comparison.
    Cloud(dgk::PublicKey),
    /// P2: its own.
    Key(dgk::SecretKey),
}

impl Comparer {
    /// Builds its tables now, not when it is first needed.
    fn prepare(&self, engine: &Engine, sigma: u32) -> Result<(), Error> {
        match self {
            Comparer::Blinded => Ok(()),
            Comparer::Cloud(key) => Ok(key.prepare(engine, sigma)?),
            Comparer::Key(key) => Ok(key.prepare_encryption(engine)?),
        }
    }
}

/// The keys of one server.
pub(super) struct Keys {
    /// Its own pair.
    pub own: SecretKey,
    /// The other server's key.
    pub peer: PublicKey,
    pub comparer: Comparer,
}

/// One server.
pub(super) struct Side {
    pub role: Role,
    pub engine: Engine,
    pub channel: Channel,
    /// Its own pair.
    pub own: SecretKey,
    /// The other server's key.
    pub peer: PublicKey,
    own_reserve: OwnReserve,
    peer_reserve: PeerReserve,
    /// Whether this step's randomisers are still to be made.
    reserves_are_due: bool,
    pub comparer: Comparer,
    pub widths: Widths,
    pub masks: MaskKey,
    pub rng: SecureRng,
    /// What it was shown in this session.
    pub seen: ReplayRecord,
    pub work: WorkClock,
    #[cfg(test)]
    pub witness: super::test_run::Witness,
}

impl Side {
    /// The keys' tables are built here, so that no step waits for them.
    pub fn new(
        role: Role,
        engine: &Engine,
        channel: Channel,
        Keys { own, peer, comparer }: Keys,
        widths: Widths,
        masks: MaskKey,
    ) -> Result<Side, Error> {
        comparer.prepare(engine, widths.sigma())?;
        own.prepare_encryption(engine)?;
        let step_bits = peer.rerandomizer_bits(LONGEST_EXPONENT_BITS, MOST_TERMS, widths.sigma());
        let randomizer_bits = match role {
            // The longest hide users' ciphertexts.
            Role::Cloud => peer.chain_randomizer_bits(widths.sigma()),
            Role::Key => step_bits,
        };
        peer.prepare_randomizers(engine, randomizer_bits)?;
        Ok(Side {
            role,
            engine: engine.clone(),
            channel,
            own_reserve: OwnReserve::new(own.clone()),
            peer_reserve: PeerReserve::new(peer.clone(), step_bits),
            reserves_are_due: false,
            own,
            peer,
            comparer,
            widths,
            masks,
            rng: SecureRng::from_os(),
            seen: ReplayRecord::default(),
            work: WorkClock::new(WorkTimes::default()),
            #[cfg(test)]
            witness: super::test_run::Witness::default(),
        })
    }

    /// A step begins. Its randomisers are made in one go, as many as the step before has used, once both servers are in it:
    /// their time is that of a step.
    pub fn begin_step(&mut self) -> Result<(), Error> {
        self.work.begin();
        self.own_reserve.begin_round();
        self.peer_reserve.begin_round();
        self.reserves_are_due = true;
        // P1 leads: P2 is ahead of it until something arrives.
        if self.role == Role::Cloud { self.fill_reserves() } else { Ok(()) }
    }

    /// A step ends.
    pub fn end_step(&mut self) {
        self.own_reserve.end_round();
        self.peer_reserve.end_round();
        self.work.end();
    }

    fn fill_reserves(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.reserves_are_due) {
            let Side { engine, rng, own_reserve, peer_reserve, work, .. } = self;
            work.timed(Work::Encryption, || own_reserve.refill(engine, rng))?;
            work.timed(Work::Rerandomization, || peer_reserve.refill(engine, rng))?;
        }
        Ok(())
    }

    /// Masks for values of at most `value_bits` bits, by position (rule 2).
    pub fn masks(
        &mut self,
        place: Place,
        purpose: Purpose,
        value_bits: u32,
        (rows, columns): (usize, usize),
        order: MaskOrder,
    ) -> Share {
        let masks = self.masks.at(place.position(purpose));
        let span_bits = value_bits + self.widths.sigma();
        #[cfg(test)]
        let span_bits = self.witness.span_bits(place, span_bits);
        let mask = |element: usize| masks.element(element as u64).mask(value_bits, span_bits);
        let element = |i: usize| match order {
            MaskOrder::AsItLies => i,
            MaskOrder::Transposed => i % columns * rows + i / columns,
        };
        let drawn = (0..rows * columns).map(|i| mask(element(i))).collect();
        #[cfg(test)]
        let drawn = self.witness.masks(place, purpose, value_bits, drawn);
        Share::new(rows, columns, drawn)
    }

    /// A row layout; both keys have one length.
    pub fn layout(&self, slot_bits: u32, columns: usize) -> Result<RowLayout, Error> {
        Ok(RowLayout::new(self.peer.key_bits(), slot_bits, columns)?)
    }

    /// Encrypts plaintexts of any size under its own key and sends them.
    pub fn send_own(&mut self, place: Place, operation: Operation, plaintexts: &[Integer]) -> Result<(), Error> {
        let public = self.own.public_key();
        let reduced: SecretIntegers = plaintexts.iter().map(|value| centred(value, public.n())).collect();
        let encrypt = || self.own_reserve.encrypt_many(&self.engine, &reduced, &mut self.rng);
        let fresh = self.work.timed(Work::Encryption, encrypt)?;
        self.send(place, operation, &fresh)
    }

    /// Adds plaintexts of any size to results of multi-exponentiations under the other's key and sends them under fresh
    /// randomisers h^s, s of E + T + ceil(log2 d) + sigma bits (rule 1).
    pub fn send_result(
        &mut self,
        place: Place,
        operation: Operation,
        result: &Ciphertexts,
        plaintexts: &[Integer],
        exponent_bits: u32,
        terms: usize,
    ) -> Result<(), Error> {
        let sums = self.work.timed(Work::Rerandomization, || result.add_plain(&self.engine, plaintexts))?;
        let bits = self.peer.rerandomizer_bits(exponent_bits, terms, self.widths.sigma());
        self.send_rerandomized(place, operation, &sums, bits)
    }

    /// Sends ciphertexts under the other's key with fresh randomisers h^s, s of `bits` bits.
    pub fn send_rerandomized(
        &mut self,
        place: Place,
        operation: Operation,
        ciphertexts: &Ciphertexts,
        bits: u32,
    ) -> Result<(), Error> {
        #[cfg(test)]
        if self.witness.rerandomized(place, operation, ciphertexts, bits) {
            return self.send(place, operation, ciphertexts);
        }
        let rerandomize = || self.peer_reserve.rerandomize_many(&self.engine, ciphertexts, bits, &mut self.rng);
        let fresh = self.work.timed(Work::Rerandomization, rerandomize)?;
        self.send(place, operation, &fresh)
    }

    /// Waits for `count` ciphertexts under the other's key.
    pub fn recv_peers(&mut self, place: Place, operation: Operation, count: usize) -> Result<Ciphertexts, Error> {
        let key = self.peer.clone();
        self.recv(place, operation, &key, count)
    }

    /// Sends ciphertexts of the comparison.
    pub fn send_compared(
        &mut self,
        place: Place,
        operation: Operation,
        ciphertexts: &dgk::Ciphertexts,
    ) -> Result<(), Error> {
        let Side { work, channel, engine, .. } = self;
        work.timed(Work::Conversion, || send_compared(channel, engine, place, operation, ciphertexts))
    }

    /// Waits for `count` ciphertexts of the comparison.
    pub fn recv_compared(
        &mut self,
        place: Place,
        operation: Operation,
        key: &dgk::PublicKey,
        count: usize,
    ) -> Result<dgk::Ciphertexts, Error> {
        let Side { work, channel, engine, .. } = self;
        work.timed_arrival(|| {
            let waited_before = channel.waited();
            let ciphertexts = recv_compared(channel, engine, place, operation, key, count);
            (ciphertexts, channel.waited() - waited_before)
        })
    }

    /// Waits for `count` ciphertexts under its own key and opens them.
    pub fn recv_opened(&mut self, place: Place, operation: Operation, count: usize) -> Result<SecretIntegers, Error> {
        let [opened] = self.recv_all_opened(operation, [(place, count)])?;
        Ok(opened)
    }

    /// The same for messages that travel together: all are opened at once, since a few alone do not fill lanes and threads.
    pub fn recv_all_opened<const N: usize>(
        &mut self,
        operation: Operation,
        messages: [(Place, usize); N],
    ) -> Result<[SecretIntegers; N], Error> {
        let key = self.own.public_key().clone();
        let mut parts = Vec::with_capacity(N);
        for (place, count) in messages {
            parts.push(self.recv(place, operation, &key, count)?);
        }
        let ciphertexts = Ciphertexts::concat(&parts)?;
        let decrypt = || self.own.decrypt_many(&self.engine, &ciphertexts);
        let mut opened = self.work.timed(Work::Decryption, decrypt)?.into_iter();
        let opened = messages.map(|(_, count)| opened.by_ref().take(count).collect::<SecretIntegers>());
        for ((place, _), opened) in messages.iter().zip(&opened) {
            self.require_new_or_same(*place, operation, opened)?;
        }
        #[cfg(test)]
        for ((place, _), ciphertexts) in messages.into_iter().zip(parts) {
            self.witness.received.push((place, operation, ciphertexts));
        }
        Ok(opened)
    }

    /// Takes what it knows off opened plaintexts, modulo n, and unpacks what is left.
    ///
    /// # Errors
    /// [`ProtocolError::OutOfRange`] if a plaintext is longer than its slots.
    pub fn unpack(
        &self,
        place: Place,
        layout: RowLayout,
        opened: &[Integer],
        known: &[Integer],
        value_bits: u32,
    ) -> Result<Share, Error> {
        layout.unpack(&self.without(opened, known)).map_err(|_| self.out_of_range(place, 0, value_bits))
    }

    /// Opened plaintexts without what it knows of them, modulo n, in (-n/2, n/2).
    pub fn without(&self, opened: &[Integer], known: &[Integer]) -> SecretIntegers {
        let n = self.own.public_key().n();
        opened.iter().zip(known).map(|(opened, known)| centred(&Integer::from(opened - known), n)).collect()
    }

    /// The same where the slots hold masked values v + m, |v| < 2^value_bits.
    ///
    /// # Errors
    /// [`ProtocolError::OutOfRange`] if a slot holds what no allowed v and m add up to.
    pub fn unpack_masked(
        &mut self,
        place: Place,
        layout: RowLayout,
        opened: &[Integer],
        known: &[Integer],
        value_bits: u32,
    ) -> Result<Share, Error> {
        let share = self.unpack(place, layout, opened, known, value_bits)?;
        self.require_masked(place, &share, value_bits)?;
        Ok(share)
    }

    /// Refuses values that are no v + m with |v| < 2^value_bits.
    pub fn require_masked(&mut self, place: Place, share: &Share, value_bits: u32) -> Result<(), Error> {
        #[cfg(test)]
        self.witness.seen.push((place, share.clone(), value_bits));
        let limit = self.widths.bounds.masked_limit(value_bits);
        match share.values().iter().position(|value| value.is_negative() || *value >= limit) {
            None => Ok(()),
            Some(element) => Err(self.out_of_range(place, element, value_bits)),
        }
    }

    /// Sends integers in clear, |v| < 2^max_bits: they are masked already.
    pub fn send_clear(
        &mut self,
        place: Place,
        operation: Operation,
        share: &Share,
        max_bits: u32,
    ) -> Result<(), Error> {
        send_integers(&mut self.channel, place, operation, share.values(), max_bits)
    }

    /// Waits for masked integers in clear.
    pub fn recv_clear(
        &mut self,
        place: Place,
        operation: Operation,
        rows: usize,
        columns: usize,
        max_bits: u32,
    ) -> Result<Share, Error> {
        let channel = &mut self.channel;
        let values = self.work.timed_arrival(|| {
            let before = channel.waited();
            let values = recv_integers(channel, place, operation, rows * columns, max_bits);
            (values, channel.waited() - before)
        })?;
        self.require_new_or_same(place, operation, &values)?;
        Ok(Share::new(rows, columns, values))
    }

    fn send(&mut self, place: Place, operation: Operation, ciphertexts: &Ciphertexts) -> Result<(), Error> {
        let send = || send_ciphertexts(&mut self.channel, &self.engine, place, operation, ciphertexts);
        self.work.timed(Work::Conversion, send)
    }

    fn recv(
        &mut self,
        place: Place,
        operation: Operation,
        key: &PublicKey,
        count: usize,
    ) -> Result<Ciphertexts, Error> {
        let (channel, engine) = (&mut self.channel, &self.engine);
        let ciphertexts = self.work.timed_arrival(|| {
            let before = channel.waited();
            let ciphertexts = recv_ciphertexts(channel, engine, place, operation, key, count);
            (ciphertexts, channel.waited() - before)
        })?;
        self.fill_reserves()?;
        Ok(ciphertexts)
    }

    /// Refuses a position that comes again with other values (rule 3).
    pub fn require_new_or_same(&mut self, place: Place, operation: Operation, values: &[Integer]) -> Result<(), Error> {
        if self.seen.admit(place, operation, values) {
            return Ok(());
        }
        Err(ProtocolError::Replayed { peer: self.channel.peer(), place: place.to_string() }.into())
    }

    pub fn out_of_range(&self, place: Place, element: usize, value_bits: u32) -> Error {
        let peer = self.channel.peer();
        ProtocolError::OutOfRange { peer, place: place.to_string(), element, value_bits }.into()
    }
}

/// How the elements of a matrix of masks are numbered in their position: those of divisions as the integer twin numbers
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MaskOrder {
    /// Row-major, as the matrix lies.
    AsItLies,
    /// Row-major in its transpose.
    Transposed,
}

/// The representative of `value` modulo n in (-n/2, n/2).
pub(super) fn centred(value: &Integer, n: &Integer) -> Integer {
    let residue = Integer::from(value.rem_euc(n));
    if Integer::from(&residue << 1u32) > *n { residue - n } else { residue }
}
