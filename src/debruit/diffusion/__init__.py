"""The mathematics of diffusion, and nothing but: torch in, torch out.

Conventions, stated once. Time t is in [0, 1]: 0 is clean, 1 is noise, and x_t = alpha(t) x_0 + sigma(t) eps with eps ~
N(0, I). alpha(t) is sqrt(abar) of the DDPM papers. The discrete chain has steps i = 1..T, i = 0 is clean (abar_0 = 1)
and t = i / T. Coefficients are computed in float64 and cast to the data's dtype last.
"""
