# Fits a container's config.json, or the process.json of an exec, to $fit[0]:
#   capabilities  names that may be given; null: all
#   rlimits       highest hard limit by type; what is not named is not limited
#   env, mounts   added to containers, not to an exec
$fit[0] as $to
| def fitted:
    if $to.capabilities == null or .capabilities == null then . else
      .capabilities |= map_values(if . == null then . else map(select(IN($to.capabilities[]))) end)
    end
    | if $to.rlimits == null or .rlimits == null then . else
        .rlimits |= map($to.rlimits[.type] as $most
          | if $most == null then . else .hard = ([.hard, $most] | min) | .soft = ([.soft, .hard] | min) end)
      end
    | if $to.capabilities != null and .oomScoreAdj != null and .oomScoreAdj < 0 then .oomScoreAdj = 0 else . end;
if has("process") then
  .process |= fitted
  # What the Dockerfile or the image says goes before.
  | ([.process.env[]? | split("=")[0]]) as $taken
  | .process.env += [($to.env // [])[] | select((split("=")[0]) as $name | $taken | index($name) | not)]
  | .mounts += ($to.mounts // [])
else fitted end
