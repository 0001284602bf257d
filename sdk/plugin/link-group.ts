/**
 * Plugins that are linked natively, directly or through others: generations that call into one another's instances
 * without the host in between.
 *
 * What holds for a group, because a call into one member may run in, and be parked in, any of them:
 * - One call at a time, into whichever member, unless all of them are re-entrant. The members' pools share the group
 *   as their gate.
 * - An error that gives up the instance of one member gives up those of all: none is left calling into an instance
 *   that is not used any more. They are made anew when they are next needed, dependencies first.
 */
import type { Generation } from "./generation.js";
import type { Gate, Servable } from "./queue.js";

export class LinkGroup implements Gate {
  private members: Generation[] = [];

  /** Makes one group of several generations and of the groups that they are in. */
  static join(generations: readonly Generation[]): void {
    const all = new Set(generations.flatMap((generation) => [...generation.linked]));
    if (all.size < 2) return;
    const group = new LinkGroup();
    group.members = [...all];
    for (const member of all) member.group = group;
  }

  get generations(): readonly Generation[] {
    return this.members;
  }

  /** Whether a generation of this owner is a member. */
  includes(owner: object): boolean {
    return this.members.some((member) => member.owner === owner);
  }

  get reentrant(): boolean {
    return this.members.every((member) => member.reentrant);
  }

  admits(): boolean {
    return this.members.every((member) => member.pool.active === 0) || this.reentrant;
  }

  left(pool: Servable): void {
    const { members } = this;
    const from = members.findIndex((member) => member.pool === pool) + 1;
    for (let i = 0; i < members.length; i++) members[(from + i) % members.length].pool.serve();
  }

  giveUp(): void {
    for (const member of this.members) for (const slot of member.pool.slots) slot.drop();
  }

  /** Takes a generation out that is stopped; the others fall apart into groups as they are linked now. */
  leave(generation: Generation): void {
    const rest = this.members.filter((member) => member !== generation);
    generation.group = undefined;
    for (const member of rest) member.group = undefined;
    for (const member of rest) {
      LinkGroup.join([member, ...member.links.map((link) => link.target).filter((t) => rest.includes(t))]);
    }
    for (const member of rest) member.pool.serve();
  }
}
