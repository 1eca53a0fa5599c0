/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card of the host as a port of our bridge: what was on it, what is, and the steps from one to the other.
 * Pure: no system calls.
 *
 * Theory of operation. A card that becomes a port of a bridge receives nothing for itself any more: its addresses and
 * routes have to be the bridge's. `struct uplink` is what was on the card, written to a file before anything
 * is touched. uplink_plan() compares it with what is, and makes steps: forth, to the state in which all of it is on
 * the bridge; back, to the state in which all of it is on the card. Both are idempotent, and both begin from anything in
 * between: the move itself, its repair, its completion after a crash and its undoing are the same function.
 *
 * On the way forth:
 *  - what is on the card goes to the bridge, whoever put it there: a DHCP client that goes on working on the card renews
 *    an address there, and it is moved again;
 *  - what was on the card, and is nowhere, comes to the bridge unless its lifetime is over;
 *  - what others have put on the bridge is theirs.
 * On the way back everything on the bridge goes to the card, so that nothing that was added since is lost. So the bridge itself
 * is enough to go back by, where the file is lost: uplink_adopt() makes another one of it.
 *
 * Routes that come by themselves are removed with their card and not moved: those of an address's prefix come with
 * the address, and those of router advertisements with the next one, which the kernel asks for when the link-local address
 * appears (addrconf_dad_completed()).
 */
#include "uplink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ip.h"

void uplink_set_deinit(struct uplink_set *set)
{
	free(set->addresses);
	free(set->routes);
	free(set->neighbours);
	free(set->rules);
	*set = UPLINK_SET_NULL;
}

void uplink_deinit(struct uplink *uplink)
{
	uplink_set_deinit(&uplink->was);
	*uplink = UPLINK_NULL;
}

void uplink_look_deinit(struct uplink_look *look)
{
	uplink_set_deinit(&look->on_nic);
	uplink_set_deinit(&look->on_bridge);
	*look = UPLINK_LOOK_NULL;
}

void uplink_steps_deinit(struct uplink_steps *steps)
{
	free(steps->items);
	*steps = UPLINK_STEPS_NULL;
}

/* Appends a copy. -E2BIG when there are more of them than anybody has on a card; -ENOMEM. */
int uplink_set_add_address(struct uplink_set *set, const struct uplink_address *address)
{
	struct uplink_address *grown;

	if (set->n_addresses == LIMIT_UPLINK_ADDRESSES)
		return -E2BIG;
	grown = reallocarray(set->addresses, set->n_addresses + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	set->addresses = grown;
	grown[set->n_addresses++] = *address;
	return 0;
}

int uplink_set_add_route(struct uplink_set *set, const struct uplink_route *route)
{
	struct uplink_route *grown;

	if (set->n_routes == LIMIT_UPLINK_ROUTES)
		return -E2BIG;
	grown = reallocarray(set->routes, set->n_routes + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	set->routes = grown;
	grown[set->n_routes++] = *route;
	return 0;
}

int uplink_set_add_neighbour(struct uplink_set *set, const struct uplink_neighbour *neighbour)
{
	struct uplink_neighbour *grown;

	if (set->n_neighbours == LIMIT_UPLINK_NEIGHBOURS)
		return -E2BIG;
	grown = reallocarray(set->neighbours, set->n_neighbours + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	set->neighbours = grown;
	grown[set->n_neighbours++] = *neighbour;
	return 0;
}

int uplink_set_add_rule(struct uplink_set *set, const struct uplink_rule *rule)
{
	struct uplink_rule *grown;

	if (set->n_rules == LIMIT_UPLINK_RULES)
		return -E2BIG;
	grown = reallocarray(set->rules, set->n_rules + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	set->rules = grown;
	grown[set->n_rules++] = *rule;
	return 0;
}

static bool same_ip(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->bytes_be, b->bytes_be, sizeof(a->bytes_be)) == 0;
}

static bool has_address(const struct uplink_set *set, const struct uplink_address *address)
{
	for (size_t i = 0; i < set->n_addresses; i++)
		if (set->addresses[i].prefix_length == address->prefix_length &&
		    same_ip(&set->addresses[i].local, &address->local))
			return true;
	return false;
}

/* The kernel's identity: fib_table_insert() and fib6_add_rt2node(). Another gateway is a change, not another route. */
static bool has_route(const struct uplink_set *set, const struct uplink_route *route)
{
	for (size_t i = 0; i < set->n_routes; i++) {
		const struct uplink_route *other = &set->routes[i];

		if (other->prefix_length == route->prefix_length &&
		    other->table == route->table && other->metric == route->metric && other->tos == route->tos &&
		    same_ip(&other->destination, &route->destination))
			return true;
	}
	return false;
}

/* Is it the way to the network of an address that comes without one? */
static bool is_made_by_hand(const struct uplink_set *set, const struct uplink_route *route)
{
	bool by_hand = false;

	if (route->protocol != UPLINK_KERNEL || route->n_hops != 1 || route->hops[0].gateway.family)
		return false;
	for (size_t i = 0; i < set->n_addresses; i++) {
		const struct uplink_address *address = &set->addresses[i];

		if (address->local.family != route->destination.family || address->prefix_length != route->prefix_length ||
		    !ip_overlaps(&route->destination, route->prefix_length, address->peer.family ? &address->peer : &address->local,
				 route->prefix_length))
			continue;
		if (!(address->flags & UPLINK_NOPREFIXROUTE))
			return false;
		by_hand = true;
	}
	return by_hand;
}

/*
 * Programs such as NetworkManager give addresses without a route (IFA_F_NOPREFIXROUTE), and a route to their network that
 * looks like the kernel's, with a metric of its own: that one does not come by itself.
 */
void uplink_settle_routes(struct uplink_set *set)
{
	for (size_t i = 0; i < set->n_routes; i++)
		if (is_made_by_hand(set, &set->routes[i]))
			set->routes[i].made = false;
}

static struct uplink_neighbour *find_neighbour(const struct uplink_set *set, const struct uplink_neighbour *neighbour)
{
	for (size_t i = 0; i < set->n_neighbours; i++)
		if (set->neighbours[i].proxy == neighbour->proxy && same_ip(&set->neighbours[i].address, &neighbour->address))
			return &set->neighbours[i];
	return NULL;
}

/* May this card become a port, and what is on it move? Writes the reason when it may not. */
bool uplink_refuse(const struct uplink_look *look, const char *nic, const char *bridge, struct text *reason)
{
	static const char *const kinds[] = { "", "veth", "bond", "team", "vlan", "dummy" };
	bool good = false;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		good |= strcmp(look->kind, kinds[i]) == 0;
	if (!look->nic)
		text_add(reason, "there is no interface %s", STR_ESCAPED(nic));
	else if (look->loopback)
		text_add(reason, "%s is the loopback interface, no network card", STR_ESCAPED(nic));
	else if (look->wireless)
		text_add(reason, "%s is wireless: an access point takes no frames from other addresses than the card's own, so a bridge over it carries no guests; Mode=route with ProxyARP=yes has them in the LAN all the same, or use Mode=nat",
			 STR_ESCAPED(nic));
	else if (!good)
		text_add(reason, "%s is no network card but a %s", STR_ESCAPED(nic),
			 strcmp(look->kind, "tun") == 0 ? "tap" : STR_ESCAPED(look->kind));
	else if (!look->ethernet)
		text_add(reason, "%s is no Ethernet: it cannot be a port of a bridge", STR_ESCAPED(nic));
	else if (look->master && look->master != look->bridge)
		text_add(reason, "%s is a port of %s already", STR_ESCAPED(nic), STR_ESCAPED(look->master_name));
	else if (look->upper[0])
		text_add(reason, "%s stands on %s: name that one as the Uplink=, or remove it", STR_ESCAPED(look->upper),
			 STR_ESCAPED(nic));
	else if (look->obstacle[0])
		text_add(reason, "what is on %s cannot be moved to %s: %s", STR_ESCAPED(nic), STR_ESCAPED(bridge), look->obstacle);
	else
		return false;
	return true;
}

/*
 * Likewise of a second card, of a bridge with STP=yes: it becomes a port, and the host is reached by the first one's addresses.
 * What it has of its own would be nowhere. An address of the link itself is no one's.
 */
bool uplink_refuse_second(const struct uplink_look *look, const char *nic, const char *bridge, struct text *reason)
{
	if (uplink_refuse(look, nic, bridge, reason))
		return true;
	for (size_t i = 0; i < look->on_nic.n_addresses; i++) {
		if (ip_is_link_local(&look->on_nic.addresses[i].local))
			continue;
		text_add(reason, "%s has an address, %s: only that of the first Uplink= moves to %s; take it off, or name %s first",
			 STR_ESCAPED(nic), IP_TEXT(&look->on_nic.addresses[i].local), STR_ESCAPED(bridge), STR_ESCAPED(nic));
		return true;
	}
	return false;
}

/* Whom the default routes lead to: the neighbours that tell whether a move was good. */
size_t uplink_gateways(const struct uplink_set *set, struct ip gateways[static UPLINK_GATEWAYS])
{
	size_t n = 0;

	for (size_t i = 0; i < set->n_routes; i++)
		for (size_t j = 0; j < set->routes[i].n_hops && set->routes[i].prefix_length == 0; j++) {
			const struct uplink_hop *hop = &set->routes[i].hops[j];
			bool known = !hop->ours || !hop->gateway.family;

			for (size_t k = 0; k < n; k++)
				known |= same_ip(&gateways[k], &hop->gateway);
			if (!known && n < UPLINK_GATEWAYS)
				gateways[n++] = hop->gateway;
		}
	return n;
}

/* Has somebody to renew an address of these? Of IPv6, router advertisements do. */
bool uplink_is_leased(const struct uplink_set *set, const struct uplink_address **ret_address)
{
	for (size_t i = 0; i < set->n_addresses; i++)
		if (ip_is_v4(&set->addresses[i].local) && set->addresses[i].valid_s != UPLINK_FOREVER) {
			*ret_address = &set->addresses[i];
			return true;
		}
	return false;
}

/* Steps */

struct planning {
	const struct uplink *uplink;
	const struct uplink_look *look;
	struct uplink_steps steps;
	uint32_t age_s;
	int error;			/* the first one */
};

/* A client has renewed it where it is now: the other one is to last as long. */
static bool is_renewed(const struct uplink_address *address)
{
	return address->valid_s != UPLINK_FOREVER && ip_is_v4(&address->local);
}

static struct uplink_step *add_step(struct planning *planning, enum uplink_op op, int ifindex, int value)
{
	struct uplink_step *grown;

	if (planning->error < 0)
		return NULL;
	grown = reallocarray(planning->steps.items, planning->steps.n + 1, sizeof(*grown));
	if (!grown) {
		planning->error = -ENOMEM;
		return NULL;
	}
	planning->steps.items = grown;
	grown += planning->steps.n++;
	memset(grown, 0, sizeof(*grown));
	grown->op = (uint8_t)op;
	grown->ifindex = ifindex;
	grown->value = value;
	return grown;
}

/* IPv4 labels begin with the interface's name: "eth0:1" becomes "br0:1". One that would be too long is none. */
static void move_label(struct uplink_address *address, const char *from, const char *to)
{
	char label[2 * IFNAME_SIZE];
	const char *rest;

	if (!str_has_prefix(address->label, from, &rest) || (*rest && *rest != ':'))
		return;
	snprintf(label, sizeof(label), "%s%s", to, rest);
	memset(address->label, 0, sizeof(address->label));
	if (strlen(label) < sizeof(address->label))
		memcpy(address->label, label, strlen(label));
}

static void add_address(struct planning *planning, const struct uplink_address *address, int ifindex)
{
	const struct uplink *uplink = planning->uplink;
	struct uplink_step *step = add_step(planning, UPLINK_ADDRESS_ADD, ifindex, 0);

	if (!step)
		return;
	step->address = *address;
	if (ifindex == planning->look->bridge)
		move_label(&step->address, uplink->nic, uplink->bridge);
	else
		move_label(&step->address, uplink->bridge, uplink->nic);
}

static void remove_address(struct planning *planning, const struct uplink_address *address, int ifindex)
{
	struct uplink_step *step = add_step(planning, UPLINK_ADDRESS_REMOVE, ifindex, 0);

	if (step)
		step->address = *address;
}

static void add_route_step(struct planning *planning, enum uplink_op op, const struct uplink_route *route, int ifindex)
{
	struct uplink_step *step = add_step(planning, op, ifindex, 0);

	if (step)
		step->route = *route;
}

/* A lifetime as it is now; false when it is over. */
static bool age(const struct planning *planning, uint32_t *lifetime_s)
{
	if (*lifetime_s == UPLINK_FOREVER)
		return true;
	*lifetime_s = *lifetime_s > planning->age_s ? *lifetime_s - planning->age_s : 0;
	return *lifetime_s > 0;
}

/* What was there once and is nowhere now. */
static void add_lost_addresses(struct planning *planning, int ifindex)
{
	const struct uplink_set *was = &planning->uplink->was;

	for (size_t i = 0; i < was->n_addresses; i++) {
		struct uplink_address address = was->addresses[i];

		(void)age(planning, &address.preferred_s);
		if (!has_address(&planning->look->on_nic, &address) && !has_address(&planning->look->on_bridge, &address) &&
		    age(planning, &address.valid_s))
			add_address(planning, &address, ifindex);
	}
}

static bool has_gateway(const struct uplink_route *route)
{
	for (size_t i = 0; i < route->n_hops; i++)
		if (route->hops[i].gateway.family)
			return true;
	return false;
}

/* Routes of one side, and those that were there once and are nowhere now, those with a gateway or those without. */
static void add_routes(struct planning *planning, const struct uplink_set *from, const struct uplink_set *to, int to_index,
		       bool with_gateway)
{
	const struct uplink_set *was = &planning->uplink->was;

	for (size_t i = 0; i < from->n_routes; i++)
		if (!from->routes[i].made && has_gateway(&from->routes[i]) == with_gateway && !has_route(to, &from->routes[i]))
			add_route_step(planning, UPLINK_ROUTE_ADD, &from->routes[i], to_index);
	for (size_t i = 0; i < was->n_routes; i++) {
		struct uplink_route route = was->routes[i];

		if (!route.made && has_gateway(&route) == with_gateway && !has_route(from, &route) && !has_route(to, &route) &&
		    (!route.expires_s || age(planning, &route.expires_s)))
			add_route_step(planning, UPLINK_ROUTE_ADD, &route, to_index);
	}
}

static void add_neighbour_step(struct planning *planning, enum uplink_op op, const struct uplink_neighbour *neighbour, int ifindex)
{
	struct uplink_step *step = add_step(planning, op, ifindex, 0);

	if (step)
		step->neighbour = *neighbour;
}

/* Those of one side, and those that were there once and are nowhere now. */
static void move_neighbours(struct planning *planning, const struct uplink_set *from, int from_index, const struct uplink_set *to,
			    int to_index)
{
	const struct uplink_set *was = &planning->uplink->was;

	for (size_t i = 0; i < from->n_neighbours; i++) {
		add_neighbour_step(planning, UPLINK_NEIGHBOUR_ADD, &from->neighbours[i], to_index);
		add_neighbour_step(planning, UPLINK_NEIGHBOUR_REMOVE, &from->neighbours[i], from_index);
	}
	for (size_t i = 0; i < was->n_neighbours; i++)
		if (!find_neighbour(from, &was->neighbours[i]) && !find_neighbour(to, &was->neighbours[i]))
			add_neighbour_step(planning, UPLINK_NEIGHBOUR_ADD, &was->neighbours[i], to_index);
}

static void move_rules(struct planning *planning, const struct uplink_set *from, int to_index)
{
	for (size_t i = 0; i < from->n_rules; i++) {
		struct uplink_step *step = add_step(planning, UPLINK_RULE_MOVE, to_index, 0);

		if (step)
			step->rule = from->rules[i];
	}
}

/*
 * Everything of one side to the other. An address is there before it is taken away from where it was, so that no
 * route with it as its source is lost; a route of IPv6 is taken away first, because one to the same destination with the
 * same metric would join it.
 */
static void move_set(struct planning *planning, const struct uplink_set *from, int from_index, const struct uplink_set *to,
		     int to_index)
{
	for (size_t i = 0; i < from->n_addresses; i++)
		if (!has_address(to, &from->addresses[i]) || is_renewed(&from->addresses[i]))
			add_address(planning, &from->addresses[i], to_index);
	add_lost_addresses(planning, to_index);
	for (size_t i = 0; i < from->n_routes; i++)
		add_route_step(planning, UPLINK_ROUTE_REMOVE, &from->routes[i], from_index);
	for (size_t i = 0; i < from->n_addresses; i++)
		remove_address(planning, &from->addresses[i], from_index);
	/* The way to a gateway is there before what leads over it. */
	add_routes(planning, from, to, to_index, false);
	add_routes(planning, from, to, to_index, true);
	move_neighbours(planning, from, from_index, to, to_index);
	move_rules(planning, from, to_index);
}

/*
 * The steps forth, to the bridge, or @back, to the card; none when nothing is missing. @now_us is CLOCK_BOOTTIME. The
 * caller owns @ret_steps. -ENOMEM only.
 */
int uplink_plan(const struct uplink *uplink, const struct uplink_look *look, bool back, uint64_t now_us,
		struct uplink_steps *ret_steps)
{
	struct planning planning = { .uplink = uplink, .look = look };
	int accept_ra = back ? uplink->accept_ra : 0;
	uint8_t gen_mode = back ? uplink->gen_mode : UPLINK_GEN_NONE;
	bool attached = look->bridge && look->master == look->bridge;

	planning.age_s = now_us > uplink->seen_us ? (uint32_t)((now_us - uplink->seen_us) / 1000000) : 0;
	if (!look->nic) {
		*ret_steps = UPLINK_STEPS_NULL;
		return 0;
	}
	if (uplink->accept_ra >= 0 && look->accept_ra >= 0 && look->accept_ra != accept_ra)
		add_step(&planning, UPLINK_ACCEPT_RA, look->nic, accept_ra);
	if (uplink->accept_ra >= 0 && look->accept_ra >= 0 && look->gen_mode != gen_mode)
		add_step(&planning, UPLINK_GEN_MODE, look->nic, gen_mode);
	/* Routes are only by a card that is up. */
	if (!look->up && (!back || uplink->up))
		add_step(&planning, UPLINK_SET_UP, look->nic, 1);
	if (!back && !attached)
		add_step(&planning, UPLINK_SET_MASTER, look->nic, look->bridge);
	if (back && attached)
		add_step(&planning, UPLINK_SET_MASTER, look->nic, 0);
	if (back && !uplink->bare)
		move_set(&planning, &look->on_bridge, look->bridge, &look->on_nic, look->nic);
	if (!back && !uplink->bare)
		move_set(&planning, &look->on_nic, look->nic, &look->on_bridge, look->bridge);
	if (back && !uplink->up && look->up)
		add_step(&planning, UPLINK_SET_UP, look->nic, 0);
	if (planning.error < 0) {
		uplink_steps_deinit(&planning.steps);
		return planning.error;
	}
	*ret_steps = planning.steps;
	return 0;
}

/* Takes over @address, in the place of what was known of it. */
static int remember_address(struct uplink_set *was, const struct uplink_address *address)
{
	for (size_t i = 0; i < was->n_addresses; i++)
		if (was->addresses[i].prefix_length == address->prefix_length &&
		    same_ip(&was->addresses[i].local, &address->local)) {
			was->addresses[i] = *address;
			return 0;
		}
	return uplink_set_add_address(was, address);
}

static int remember_neighbour(struct uplink_set *was, const struct uplink_neighbour *neighbour, bool *changed)
{
	struct uplink_neighbour *before = find_neighbour(was, neighbour);

	*changed |= !before || memcmp(&before->mac, &neighbour->mac, sizeof(neighbour->mac)) != 0;
	if (!before)
		return uplink_set_add_neighbour(was, neighbour);
	*before = *neighbour;
	return 0;
}

/* In the file lifetimes are those of one moment, which is @age_s ago. */
static uint32_t put_back(uint32_t lifetime_s, uint32_t age_s)
{
	return lifetime_s < UPLINK_FOREVER - 1 - age_s ? lifetime_s + age_s : lifetime_s;
}

static bool shorten(uint32_t *lifetime_s, uint32_t found_s, uint32_t age_s)
{
	const uint32_t left_s = *lifetime_s > age_s ? *lifetime_s - age_s : 0;

	/* Both are rounded to seconds, each in its own way. */
	if (*lifetime_s == UPLINK_FOREVER || found_s == UPLINK_FOREVER || found_s + 5 >= left_s)
		return false;
	*lifetime_s = put_back(found_s, age_s);
	return true;
}

/*
 * A router may let a prefix end early (RFC 4862, 5.5.3 e): the addresses that the bridge has of it end then, and are not lost
 * ones that would be given back with the time they once had. Lifetimes are never made longer. Was one of them shorter?
 */
bool uplink_shorten(struct uplink *uplink, const struct uplink_look *look, uint64_t now_us)
{
	const uint32_t age_s = now_us > uplink->seen_us ? (uint32_t)((now_us - uplink->seen_us) / 1000000) : 0;
	bool changed = false;

	for (size_t i = 0; i < uplink->was.n_addresses; i++) {
		struct uplink_address *was = &uplink->was.addresses[i];

		for (size_t j = 0; ip_is_v6(&was->local) && j < look->on_bridge.n_addresses; j++) {
			const struct uplink_address *found = &look->on_bridge.addresses[j];

			if (found->prefix_length != was->prefix_length || !same_ip(&found->local, &was->local))
				continue;
			changed |= shorten(&was->valid_s, found->valid_s, age_s);
			changed |= shorten(&was->preferred_s, found->preferred_s, age_s);
		}
	}
	return changed;
}

/*
 * What is found on the card after it was moved is part of what was there, and has to be given back with the rest.
 * -E2BIG, -ENOMEM.
 */
int uplink_remember(struct uplink *uplink, const struct uplink_look *look, uint64_t now_us, bool *ret_changed)
{
	const uint32_t age_s = now_us > uplink->seen_us ? (uint32_t)((now_us - uplink->seen_us) / 1000000) : 0;
	const struct uplink_set *found = &look->on_nic;
	bool changed = found->n_addresses > 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < found->n_addresses; i++) {
		struct uplink_address address = found->addresses[i];

		address.valid_s = put_back(address.valid_s, age_s);
		address.preferred_s = put_back(address.preferred_s, age_s);
		r = remember_address(&uplink->was, &address);
	}
	for (size_t i = 0; r == 0 && i < found->n_routes; i++) {
		if (found->routes[i].made || has_route(&uplink->was, &found->routes[i]))
			continue;
		changed = true;
		r = uplink_set_add_route(&uplink->was, &found->routes[i]);
	}
	for (size_t i = 0; r == 0 && i < found->n_neighbours; i++)
		r = remember_neighbour(&uplink->was, &found->neighbours[i], &changed);
	*ret_changed = changed;
	return r;
}

/*
 * There is no file of a card that has been moved: what is on the bridge now is what the card had, as far as anybody knows.
 * Names, and what the bridge does not show, are the caller's to fill in; uplink->seen_us is now. -E2BIG, -ENOMEM.
 */
int uplink_adopt(struct uplink *uplink, const struct uplink_look *look)
{
	const struct uplink_set *found = &look->on_bridge;
	int r = 0;

	uplink->phase = UPLINK_KEPT;
	uplink->ifindex = look->nic;
	uplink->up = true;
	uplink->carrier = look->carrier;
	uplink->mac = look->mac;
	uplink->mtu = look->mtu;
	for (size_t i = 0; r == 0 && i < found->n_addresses; i++) {
		struct uplink_address address = found->addresses[i];

		move_label(&address, uplink->bridge, uplink->nic);
		r = uplink_set_add_address(&uplink->was, &address);
	}
	for (size_t i = 0; r == 0 && i < found->n_routes; i++)
		if (!found->routes[i].made)
			r = uplink_set_add_route(&uplink->was, &found->routes[i]);
	for (size_t i = 0; r == 0 && i < found->n_neighbours; i++)
		r = uplink_set_add_neighbour(&uplink->was, &found->neighbours[i]);
	return r;
}

/*
 * Such a card's way with router advertisements and with its link-local address: what the bridge has of them, read backwards
 * (desired.c). Where several values of the card have led to that, it is what interfaces get by themselves, @usual.
 */
void uplink_read_backwards(struct uplink *uplink, const struct uplink_values *bridge, const struct uplink_values *usual)
{
	uplink->ra_ignored = bridge->accept_ra == 1;
	uplink->accept_ra = bridge->accept_ra > 1 ? usual->accept_ra : bridge->accept_ra;
	if (bridge->accept_ra > 1 && uplink->accept_ra <= 0)
		uplink->accept_ra = 1;
	if (bridge->gen_mode > 0)
		uplink->gen_mode = (uint8_t)(usual->gen_mode > 0 ? usual->gen_mode : bridge->gen_mode);
}
