
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

void hearken_go_on(JSContext *ctx, uint64_t seed)
{
    /* Of 0 no other number would come. */
    ctx->random_state = seed ? seed : 1;
    ctx->time_origin = js__now_ms();
}

void hearken_begin(JSContext *ctx, uint64_t seed)
{
    hearken_go_on(ctx, seed);
    ctx->hash_seed = xorshift64star(&ctx->random_state);
    JS_AddPerformance(ctx);
}
