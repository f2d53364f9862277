//! Whatever happens to nodes and links, those that remain agree in the end.

use proptest::prelude::*;

use super::world::World;
use super::*;

/// As many nodes as take part.
const COUNT: usize = 5;

#[derive(Clone, Debug)]
enum Happening {
    /// The node crashes, or starts if it does not run.
    CrashOrStart(usize),
    /// The node leaves, or starts if it does not run.
    LeaveOrStart(usize),
    /// The node crashes and is back at once, somewhere else.
    Move(usize),
    /// These nodes cannot reach the others.
    Part(Vec<bool>),
    Heal,
    /// Tenths of a second.
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    prop_oneof![
        (0..COUNT).prop_map(CrashOrStart),
        (0..COUNT).prop_map(LeaveOrStart),
        (0..COUNT).prop_map(Move),
        prop::collection::vec(any::<bool>(), COUNT).prop_map(Part),
        Just(Heal),
        (0..80_u64).prop_map(Pass),
        (0..80_u64).prop_map(Pass),
    ]
}

/// Tells of nodes that come and go.
struct Story {
    world: World,
    /// Lives that have begun; the next one's address and incarnation.
    lives: u64,
}

impl Story {
    fn start(&mut self, name: &str) {
        self.lives += 1;
        let lives = self.lives;
        let join: Vec<_> = self
            .world
            .names()
            .iter()
            .map(|name| self.address_of(name))
            .collect();
        let join: Vec<&str> = join.iter().map(String::as_str).collect();
        let address = format!("{name}.test:{lives}");
        self.world
            .start(name, &address, incarnation(1_000 * lives), &join);
    }

    fn address_of(&self, name: &str) -> String {
        self.world.member(name).address.to_string()
    }

    fn runs(&self, name: &str) -> bool {
        self.world.names().iter().any(|running| **running == *name)
    }

    async fn happens(&mut self, happening: &Happening) {
        match happening {
            Happening::CrashOrStart(index) if self.runs(NAMES[*index]) => {
                self.world.crash(NAMES[*index]);
            }
            Happening::LeaveOrStart(index) if self.runs(NAMES[*index]) => {
                self.world.leave(NAMES[*index]).await;
            }
            Happening::CrashOrStart(index) | Happening::LeaveOrStart(index) => {
                self.start(NAMES[*index]);
            }
            Happening::Move(index) => {
                if self.runs(NAMES[*index]) {
                    self.world.crash(NAMES[*index]);
                }
                self.start(NAMES[*index]);
            }
            Happening::Part(side) => {
                let running = self.world.names();
                let sides = running
                    .iter()
                    .map(|name| &**name)
                    .partition::<Vec<_>, _>(|name| {
                        NAMES
                            .iter()
                            .zip(side)
                            .any(|(other, side)| other == name && *side)
                    });
                self.world.heal();
                self.world.cut(&sides.0, &sides.1);
            }
            Happening::Heal => self.world.heal(),
            Happening::Pass(tenths) => {
                self.world.pass(Duration::from_millis(100 * tenths)).await;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_happens_those_that_remain_agree_in_the_end(
        seed: u16,
        happenings in prop::collection::vec(happening(), 1..20),
    ) {
        run(async {
            let world = World::new(seed.into());
            let mut story = Story { world, lives: 0 };
            for name in &NAMES[..COUNT] {
                story.start(name);
            }
            for happening in &happenings {
                story.happens(happening).await;
            }
            story.world.heal();
            // A link to a node that moved while it could not be reached is found by
            // an operator's `join`, which names a node that is there.
            story.start("known");
            story.world.introduce("known");
            let names = story.world.names();
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            story.world.until("the rest agree", |world| world.agree(&names)).await;
        });
    }
}
