// Settings of lanes as somebody edits them. Pure.
import type {Schemas} from '@shared/app/api.ts'

export type Setting = Schemas['LaneSetting']
type Lane = Schemas['LaneNow']
export const modes = ['open', 'full', 'closed', 'closed_to_all'] as const

export const settingOf = (all: readonly Setting[], lane: string): Setting => all.find(s => s.lane === lane) ?? {lane}

/** The settings with a part of one changed, in the order of the lanes; a lane of which nothing is set is left out. */
export function edited(all: readonly Setting[], lane: string, part: Partial<Setting>, order: readonly string[]): Setting[] {
  const now = {...settingOf(all, lane), ...part}
  const next: Setting = {lane, ...(now.label && {label: now.label}), ...(now.mode && {mode: now.mode})}
  const rest = all.filter(s => s.lane !== lane)
  const at = (s: Setting) => { const i = order.indexOf(s.lane); return i < 0 ? order.length : i }
  return (next.label || next.mode ? [...rest, next] : rest).sort((a, b) => at(a) - at(b))
}

/** A label that is too long, by its bytes. */
export const wrongLabel = (label: string): boolean => new TextEncoder().encode(label).length > 64

/** What the lane has made of what is set: nothing is; it has it; staff have commanded another mode since; it has not said yet. */
export function applied(lane: Lane, set: Setting): 'nothing' | 'done' | 'otherwise' | 'waits' {
  if (!set.label && !set.mode) return 'nothing'
  if (set.label && lane.applied_label !== set.label) return 'waits'
  return set.mode && lane.mode !== set.mode ? 'otherwise' : 'done'
}
