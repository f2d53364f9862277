
/* Put behind QuickJS by `cc`: what an instance makes its own, where all begin with the same
   memory. `src/moment.rs` says when. */

void hearken_settle(JSRuntime *rt);
void hearken_go_on(JSContext *ctx, uint64_t seed);
void hearken_begin(JSContext *ctx, uint64_t seed);

/* Leaves what is free in arenas alone. An arena that is in no list of free ones is linked with
   itself, as where it is taken out of that list. */
void hearken_settle(JSRuntime *rt)
{
    struct list_head *el, *next;
    int i;
    for (i = 0; i < JS_ARENA_BLOCK_SIZE_COUNT; i++) {
        list_for_each_safe(el, next, &rt->arena_state.free_arena_list[i])
            init_list_head(el);
        init_list_head(&rt->arena_state.free_arena_list[i]);
    }
}

/* A property of an object that has a value, if it is one of its own. */
static JSProperty *hearken_property(JSContext *ctx, JSValueConst object, const char *name)
{
    JSShapeProperty *how;
    JSProperty *property = NULL;
    JSAtom atom;

    if (JS_VALUE_GET_TAG(object) != JS_TAG_OBJECT)
        return NULL;
    atom = JS_NewAtom(ctx, name);
    how = find_own_property(&property, JS_VALUE_GET_OBJ(object), atom);
    JS_FreeAtom(ctx, atom);
    return how && (how->flags & JS_PROP_TMASK) == JS_PROP_NORMAL ? property : NULL;
}

/* What a text has put in the place of `performance` stays as it is. */
static void hearken_begin_time(JSContext *ctx)
{
    JSProperty *performance, *origin;

    ctx->time_origin = js__now_ms();
    performance = hearken_property(ctx, ctx->global_obj, "performance");
    if (!performance)
        return;
    origin = hearken_property(ctx, performance->u.value, "timeOrigin");
    if (origin && JS_TAG_IS_FLOAT64(JS_VALUE_GET_TAG(origin->u.value)))
        origin->u.value = js_float64(ctx->time_origin);
}

void hearken_go_on(JSContext *ctx, uint64_t seed)
{
    /* Of 0 no other number would come. */
    ctx->random_state = seed ? seed : 1;
    hearken_begin_time(ctx);
}

void hearken_begin(JSContext *ctx, uint64_t seed)
{
    hearken_go_on(ctx, seed);
    ctx->hash_seed = xorshift64star(&ctx->random_state);
}
