// How a build ends that does not end well.
import { ProjectError } from '@copal/compose/project-error.ts'
import { EngineError } from '@copal/engine/errors.ts'
import type { Context } from '../context.ts'
import { badRequest, Problem } from '../problems.ts'
import { cancelRelease, failRelease, interruptRelease } from '../releases/end-release.ts'
import { closeBuild, type BuildEnd } from './queue.ts'
import type { Run } from './run.ts'
import { leaveToOthers } from './take-over.ts'

/** Ends release and build the way the build ended. @returns what the pusher is told */
export async function giveUp(run: Run, thrown: unknown): Promise<Problem> {
  const { ctx, wish, build, log, watch, release, signal } = run
  const problem = problemOf(ctx, signal.aborted ? signal.reason : thrown, build)
  if (problem.code === 'taken_over') {
    await log.close()
    return problem
  }
  const status = endOf(problem)
  if (status === 'interrupted' && wish.kept) return handOver(run, problem)
  watch.ended('ending')
  // People look at the end of a log first.
  if (status === 'failed') for (const note of wish.notes ?? []) log.note(note)
  log.note(problem.message)
  const end = {
    cancelled: cancelRelease,
    interrupted: interruptRelease,
    failed: failRelease,
    success: failRelease,
  }[status]
  try {
    if (release !== undefined) await end(ctx, release, problem.message)
    await closeBuild(ctx, build, {
      status,
      sentence: problem.message,
      phases: watch.phases,
      log: await log.close(),
    })
  } catch (error) {
    ctx.log.error({ err: error }, `the end of build ${build} could not be written; it will be swept`)
  }
  return problem
}

/** This copy is being stopped: another one, or the same when it is back, begins from the start. */
async function handOver({ ctx, build, log }: Run, problem: Problem): Promise<Problem> {
  log.note('the platform is being stopped: the build starts again when it is back')
  await log.close()
  await leaveToOthers(ctx, build)
  return problem
}

function endOf({ code }: Problem): BuildEnd {
  if (code === 'cancelled' || code === 'gone') return 'cancelled'
  return code === 'interrupted' ? 'interrupted' : 'failed'
}

function problemOf(ctx: Context, error: unknown, build: number): Problem {
  if (error instanceof Problem) return error
  if (error instanceof ProjectError) return badRequest(error.message, 'project')
  if (error instanceof EngineError) {
    ctx.log.warn({ err: error }, `build ${build} failed by its engine`)
    return new Problem(502, 'engine', `cannot build: ${error.message}`)
  }
  ctx.log.error({ err: error }, `build ${build} failed by a bug`)
  return new Problem(
    500,
    'internal',
    `cannot build: internal error · build ${build} in the log of the platform`,
  )
}
