//! Replicas of one group on simulated disks, in a simulated network, with clocks of their own and a
//! store that has its troubles: a broker's clients find what they were promised, whatever fails.
//!
//! Everything follows from a seed. `RULES.md` lists what was broken on purpose to see that it is found.

mod ambush;
mod clients;
mod disks;
mod faults;
mod machine;
mod mix;
mod network;
mod operator;
mod steps;
mod store;
mod world;

mod basics;
mod seeds;
