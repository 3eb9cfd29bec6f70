"""The process that keeps the output folder equal to the seeds: it decides when a build runs.

    events ----hints----+
    clock  ----times----+--> agenda --> service --> cycle.build --> health --> door
    signals, config.toml+                  |                                    (status, metrics)
                                           +--> courier --> hubs

Level-triggered: whoever wakes it up only hints that there may be something to do; what there is to
do a build finds out by itself.  So an event that is lost costs time until the next look, and never
an article.
"""
