"""What the words of the report mean, as its last section."""

TERMS = """\
## Terms

- **spearman**: rank correlation between the predicted and the true order of the league on a date, averaged over
  dates; 1 is best
- **ndcg4, ndcg16, ndcg20**: normalised discounted cumulative gain of the first 4, 16 and 20 places (relevance
  31 - rank, linear gain), averaged over dates; 1 is best
- **playoff_spearman**: Spearman among the teams that reached the playoffs, against how far they came; 1 is best
- **rank_rmse**: root mean square error of the predicted ranks, in places, averaged over dates; lower is better
- **final_rank**: the target that ranks teams by the standings at the end of the regular season
- **playoff_outcome**: the target that ranks teams by their playoffs: champion 1, then by playoff wins and record,
  then the teams that missed them
- **stack**: the ranker: a ridge regression over the out-of-fold scores of the three models
- **model_a, model_b, model_c**: attention deep set over the roster; XGBoost and random forest on team context
- **expected**: the ranking without training: the expected final rank, or place in the playoffs, of the season
  simulated to its end; every model begins with it
- **win_rate, point_difference**: plain baselines: share of games won and mean point difference, this season, before
  the date
- **elo**: plain baseline: Elo rating, carried over from season to season
- **last_season_rank**: plain baseline: the order at the end of the season before
- **blend**: plain baseline: the best fixed blend of the other baselines
- **Brier score, log loss**: of championship odds: the sum over teams of the squared error, and minus the logarithm
  of the champion's probability (which counts as 0.001 at least); averaged over dates; lower is better
- **true_strength, true_outlook**: rankings that know the strengths of a synthetic league; not baselines
- **gain**: how much better the stack is than the best baseline; positive is better, whichever way the objective goes
- **95 % interval**: of the gain: paired block bootstrap over the dates of these seasons; it does not know how much
  seasons differ
- **beats**: strictly better, in full precision; a tie is a loss
- **validation seasons**: what the sweeps optimise; never trained on, but chosen by
- **held-out season**: seen by no sweep; read once, for the best run of each target
- **standard error**: of a mean over the seeds of a trial (`repeats`): their standard deviation by the root of their
  number
- **not needed**: slots of a sweep that a limit has ended (`goal`, `max_minutes`); with a larger one they are run
- **slot, attempt, run**: a slot is one unit of a sweep's budget, an attempt one try at it, and a run is what an
  attempt trains; a run id is never given twice"""
