#include "app/display.h"

#ifndef AXON_DISPLAY

#include <stddef.h>

enum ax_status ax_display_open(const char *title, struct ax_display **out, struct ax_error *err)
{
    (void)title;
    *out = NULL;
    return ax_fail(err, AX_UNSUPPORTED, "this build has no display; install SDL2 (libsdl2-dev) and build Axon again");
}

void ax_display_close(struct ax_display *d)
{
    (void)d;
}

enum ax_status ax_display_show(struct ax_display *d, const struct ax_image *rgb, const char *title, int linger_ms, bool *quit,
                               struct ax_error *err)
{
    (void)d, (void)rgb, (void)title, (void)linger_ms, (void)quit;
    return ax_fail(err, AX_UNSUPPORTED, "this build has no display");
}

#else

#include <SDL.h>
#include <stdlib.h>

struct ax_display {
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    int width, height;
};

enum { LARGEST_WIDTH = 1600, LARGEST_HEIGHT = 900 };

static enum ax_status bad(const char *what, struct ax_error *err)
{
    return ax_fail(err, AX_DEVICE, "%s: %s. Is there a screen? --save writes files instead", what, SDL_GetError());
}

enum ax_status ax_display_open(const char *title, struct ax_display **out, struct ax_error *err)
{
    *out = NULL;
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    if (SDL_Init(SDL_INIT_VIDEO)) return bad("the display cannot be opened", err);
    struct ax_display *d = calloc(1, sizeof *d);
    if (!d) return ax_fail(err, AX_NO_MEMORY, "no memory for a window");
    d->window = SDL_CreateWindow(title, SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, 640, 480, SDL_WINDOW_RESIZABLE);
    if (d->window) d->renderer = SDL_CreateRenderer(d->window, -1, 0);
    if (!d->renderer) {
        bad("a window cannot be opened", err);
        ax_display_close(d);
        return err->status;
    }
    *out = d;
    return AX_OK;
}

void ax_display_close(struct ax_display *d)
{
    if (!d) return;
    if (d->texture) SDL_DestroyTexture(d->texture);
    if (d->renderer) SDL_DestroyRenderer(d->renderer);
    if (d->window) SDL_DestroyWindow(d->window);
    SDL_Quit();
    free(d);
}

/* The window takes the first picture's size, as far as it fits a screen; later it is the user's. */
static enum ax_status fit(struct ax_display *d, const struct ax_image *im, struct ax_error *err)
{
    if (d->texture && d->width == im->width && d->height == im->height) return AX_OK;
    int w = im->width, h = im->height;
    if (w > LARGEST_WIDTH) h = (int)((int64_t)h * LARGEST_WIDTH / w), w = LARGEST_WIDTH;
    if (h > LARGEST_HEIGHT) w = (int)((int64_t)w * LARGEST_HEIGHT / h), h = LARGEST_HEIGHT;
    if (!d->texture) SDL_SetWindowSize(d->window, w > 0 ? w : 1, h > 0 ? h : 1);
    if (d->texture) SDL_DestroyTexture(d->texture);
    d->texture = SDL_CreateTexture(d->renderer, SDL_PIXELFORMAT_RGB24, SDL_TEXTUREACCESS_STREAMING, im->width, im->height);
    d->width = im->width, d->height = im->height;
    SDL_RenderSetLogicalSize(d->renderer, im->width, im->height);
    return d->texture ? AX_OK : bad("a picture cannot be shown", err);
}

/* True: something was pressed. */
static bool look_at_events(bool *quit)
{
    SDL_Event e;
    bool pressed = false;
    while (SDL_PollEvent(&e)) {
        if (e.type == SDL_QUIT) *quit = true;
        if (e.type != SDL_KEYDOWN) continue;
        pressed = true;
        if (e.key.keysym.sym == SDLK_q || e.key.keysym.sym == SDLK_ESCAPE) *quit = true;
    }
    return pressed || *quit;
}

enum ax_status ax_display_show(struct ax_display *d, const struct ax_image *im, const char *title, int linger_ms, bool *quit,
                               struct ax_error *err)
{
    enum ax_status s = fit(d, im, err);
    if (s) return s;
    SDL_SetWindowTitle(d->window, title);
    SDL_UpdateTexture(d->texture, NULL, im->data, (int)im->stride);
    SDL_RenderClear(d->renderer);
    SDL_RenderCopy(d->renderer, d->texture, NULL, NULL);
    SDL_RenderPresent(d->renderer);
    for (int waited = 0; !look_at_events(quit) && waited < linger_ms; waited += 20) SDL_Delay(20);
    return AX_OK;
}

#endif
