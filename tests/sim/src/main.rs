fn main() {
    let seed = std::env::args().nth(1).unwrap().parse().unwrap();
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let o = hearken_sim::run::run(hearken_sim::scenario::Scenario::Steady.plan(seed), seed, true);
    println!("{}", o.trace.as_deref().unwrap_or_default());
    println!("{:?}", hearken_sim::run::Outcome{trace:None,..o});
}
